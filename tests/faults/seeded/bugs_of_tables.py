"""Bugs of how an executor stages rows and publishes them: only a test can plant them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pyspark.sql import DataFrame, DataFrameWriter

from executor import publish, spark, staged, staging, storage, table
from executor.counts import FileCounts
from executor.failpoints import failpoint
from executor.job import Job
from executor.lease import Failure, LeasedFile, StagedTable
from executor.metadata import LEASE_PROPERTY, Snapshot, TableState, read_state
from executor.publish import InDoubt, Next, NotPublished, Published
from executor.roster import Roster
from executor.spark import Sessions, SparkSettings
from executor.storage import LocalStore
from tests.model.planting import in_code

judge, look_and_pick, publish_once = publish.judge, publish._look_and_pick, publish.publish_table
start, forced = spark.start, spark._forced
Verdict = Published | NotPublished | InDoubt | Next


def _no(*_: object, **__: object) -> bool:
    return False


def _nothing(*_: object, **__: object) -> None:
    return None


def _any_floor(state: TableState | None, staged: StagedTable, *, lease_id: str) -> Verdict:
    head = state.head if state else None
    return judge(state, replace(staged, base_snapshot_id=head or 0), lease_id=lease_id)


def _floor_that_exists(state: TableState | None, staged: StagedTable, *, lease_id: str) -> Verdict:
    exists = state is not None and staged.base_snapshot_id in state.snapshots
    return (_any_floor if exists else judge)(state, staged, lease_id=lease_id)


def _any_table(state: TableState | None, staged: StagedTable, *, lease_id: str) -> Verdict:
    verdict = judge(state, replace(staged, table_uuid=state.id) if state else staged, lease_id=lease_id)
    return Next.PICK if isinstance(verdict, InDoubt) else verdict


def _doubts_what_is_lost(state: TableState | None, staged: StagedTable, *, lease_id: str) -> Verdict:
    verdict = judge(state, staged, lease_id=lease_id)
    return publish._in_doubt("It is lost.") if isinstance(verdict, NotPublished) else verdict


def _loads_what_is_gone(state: TableState | None, staged: StagedTable, *, lease_id: str) -> Verdict:
    known = state is not None and staged.staged_snapshot_id in state.snapshots
    return judge(state, staged, lease_id=lease_id) if known else NotPublished()


def _in_main_by_its_own_id(state: TableState, staged: StagedTable, *, lease_id: str) -> Published | None:
    ids = {snapshot.id for snapshot in state.main_chain()}
    return Published(snapshot_id=staged.staged_snapshot_id) if staged.staged_snapshot_id in ids else None


def _in_main_without_wap_ids(state: TableState, staged: StagedTable, *, lease_id: str) -> Verdict | None:
    return publish_in_main(state, staged, lease_id="")


def _removed_if_it_left_a_source(state: TableState, staged: StagedTable, *, lease_id: str) -> bool:
    return any(snapshot.source_id == staged.staged_snapshot_id for snapshot in state.snapshots.values())


def _unknown_is_failed(staged: StagedTable, *, sessions: Sessions, lease_id: str, **told: Any) -> Verdict:
    try:
        look_and_pick(staged, sessions=sessions, lease_id=lease_id)
    except Exception:
        return NotPublished()
    return publish_once(staged, sessions=sessions, lease_id=lease_id, **told)


def _unknown_is_done(staged: StagedTable, *, sessions: Sessions, **told: Any) -> tuple[TableState | None, Verdict]:
    try:
        return look_and_pick(staged, sessions=sessions, **told)
    except Exception:
        name = table.table_name(staged.table, default_catalog=sessions.default_catalog).sql
        return read_state(sessions.publisher, name), Published(snapshot_id=staged.staged_snapshot_id)


def _publish_whoever_holds_it(staged: StagedTable, **told: Any) -> Published | NotPublished | InDoubt:
    return publish_once(staged, **told | {"check_held": _nothing})


def _look_then_append(staged: StagedTable, *, sessions: Sessions, lease_id: str) -> tuple[TableState | None, Verdict]:
    session = sessions.publisher
    name = table.table_name(staged.table, default_catalog=sessions.default_catalog).sql
    state = read_state(session, name)
    assert state is not None
    for snapshot in state.main_chain():
        if snapshot.summary.get(LEASE_PROPERTY) == lease_id:
            return state, Published(snapshot_id=snapshot.id)
    failpoint("executor.before_pick")
    staged_rows = f"SELECT * FROM {name} VERSION AS OF {staged.staged_snapshot_id}"
    rows = session.sql(f"{staged_rows} EXCEPT ALL SELECT * FROM {name} VERSION AS OF {staged.base_snapshot_id}")
    write = rows.write.format("iceberg").mode("append")
    write.option(f"snapshot-property.{LEASE_PROPERTY}", lease_id).save(name)
    failpoint("executor.after_pick")
    return state, Next.LOOK_AGAIN


def _append_to_main(job: Job, rows: DataFrame, branch: str) -> DataFrameWriter:
    write = rows.write.format("iceberg").mode("append")
    return write.option(f"snapshot-property.{LEASE_PROPERTY}", job.lease_id)


def _head_of_main(job: Job, branch: str) -> tuple[TableState, Snapshot]:
    state = staged._state(job)
    assert state.head is not None
    return state, state.snapshots[state.head]


def _published_when_staged(staged: StagedTable, **_: Any) -> Published:
    return Published(snapshot_id=staged.staged_snapshot_id)


def _whatever_the_branch_has(job: Job, branch: str) -> tuple[TableState, Snapshot]:
    state = staged._state(job)
    return state, state.snapshots[state.refs[branch]]


def _one_branch_for_all(_: Job, number: int) -> str:
    return f"al_{'0' * 32}"


def _one_branch_for_a_lease(job: Job, number: int) -> str:
    return f"al_{job.lease_id.replace('-', '')}"


def _counts_from_sizes(job: Job, _: object, __: object, snapshot: Snapshot) -> FileCounts:
    sizes = {index: file.size_bytes for index, file in job.roster.unempty.items()}
    shares = {index: snapshot.records_added * size // sum(sizes.values()) for index, size in sizes.items()}
    shares[min(shares)] += snapshot.records_added - sum(shares.values())
    return FileCounts(read=shares, rejected={})


def _untroubled(_: object, files: Any) -> tuple[None, ...]:
    return tuple(None for _ in files)


def _changed_if_longer(_: LocalStore, file: LeasedFile) -> Failure | None:
    same = os.stat(storage._local_path(file)).st_size == file.size_bytes
    return None if same else storage._changed()


def _cached(catalogs: frozenset[str]) -> dict[str, str]:
    return forced(catalogs) | {f"spark.sql.catalog.{catalog}.cache-enabled": "true" for catalog in catalogs}


def _with_an_able_publisher(settings: SparkSettings) -> Sessions:
    sessions = start(settings)
    return replace(sessions, publisher=sessions.new_loader())


publish_in_main: Callable[..., Verdict | None] = publish._in_main

PLAIN_APPEND = "rows are appended to main"
BUGS_OF_TABLES = {
    PLAIN_APPEND: (
        in_code(staging, "append_to", _append_to_main),
        in_code(staging, "staged_snapshot", _head_of_main),
        # Its rows would seal the table, since nobody decided upon them.
        in_code(staging, "leases_since", lambda state, snapshot_id: ()),
        in_code(publish, "publish_table", _published_when_staged),
    ),
    "publish without the floor check": (in_code(publish, "judge", _any_floor),),
    "publish on a floor that merely exists": (in_code(publish, "judge", _floor_that_exists),),
    "publish into another table of the name": (in_code(publish, "judge", _any_table),),
    "publish without a look for itself": (in_code(publish, "_in_main", _nothing),),
    "publish looks for the staged snapshot alone": (in_code(publish, "_in_main", _in_main_by_its_own_id),),
    "publish does not know its lease again": (
        in_code(publish, "_in_main", _in_main_without_wap_ids),
        in_code(publish, "_was_removed", _removed_if_it_left_a_source),
    ),
    "publish again what was removed": (in_code(publish, "_was_removed", _no),),
    "publish looks for a removal by its source alone": (
        in_code(publish, "_was_removed", _removed_if_it_left_a_source),
    ),
    "publish takes a torn read for the truth": (in_code(TableState, "is_torn", property(_no)),),
    "publish doubts what provably never was in main": (in_code(publish, "judge", _doubts_what_is_lost),),
    "publish takes what is gone for never published": (in_code(publish, "judge", _loads_what_is_gone),),
    "an unknown outcome is taken for failure": (in_code(publish, "publish_table", _unknown_is_failed),),
    "an unknown outcome is taken for success": (in_code(publish, "_look_and_pick", _unknown_is_done),),
    "publish without the lease": (in_code(publish, "publish_table", _publish_whoever_holds_it),),
    "publish looks, then appends": (in_code(publish, "_look_and_pick", _look_then_append),),
    "stage on main": (in_code(staging, "append_to", _append_to_main),),
    "stage on one branch for all": (in_code(Job, "branch", _one_branch_for_all),),
    "stage takes what it finds on its branch": (
        in_code(Job, "branch", _one_branch_for_a_lease),
        in_code(staging, "staged_snapshot", _whatever_the_branch_has),
    ),
    "stage lays no floor": (in_code(table, "_lay_floor", _nothing),),
    "stage does not see its rows in main": (in_code(staging, "staged_snapshot", _whatever_the_branch_has),),
    "an attempt forgets its table": (
        in_code(staging, "refuse_another", _nothing),
        in_code(staged, "refuse_another", _nothing),
    ),
    "counts of files are guessed by their sizes": (in_code(staging, "_agreed", _counts_from_sizes),),
    "versions are not looked at after the read": (in_code(LocalStore, "troubles", _untroubled),),
    "a version is its size": (in_code(LocalStore, "_trouble", _changed_if_longer),),
    "what is missing is taken for empty": (in_code(Roster, "drop_troubled", _no),),
    "tables are cached": (in_code(spark, "_forced", _cached),),
    "a publisher can delete files": (in_code(spark, "start", _with_an_able_publisher),),
    "a session that diverts writes is taken": (in_code(spark, "_REFUSED", ()),),
}
