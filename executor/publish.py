"""Puts a staged snapshot into main at most once, or says that this cannot be known.

A publication may be repeated, and two may run at once: each looks for traces of an earlier one
before it picks, and Iceberg itself refuses a second pick of the same WAP id inside its commit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial

import structlog

from executor import table as tables
from executor.beside import objects_beside
from executor.diagnose import failure_of
from executor.errors import AttemptFailed, attempt_failed
from executor.failpoints import failpoint
from executor.lease import Category, Failure, PublishWork, StagedTable
from executor.manifests import Marker, leave_marker
from executor.metadata import TableState, read_state
from executor.spark import Sessions

_LOOKS_MAX = 10
_LOOK_AGE_SECONDS_MAX = 60
_BRANCHES_MAX = 200

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The rows are in main, and so are the records kept aside; the id of what there was none of is 0."""

    snapshot_id: int
    rejects_snapshot_id: int = 0
    branches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPublished:
    """The staged snapshot is lost and provably never was in main: load the files again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InDoubt:
    """The table cannot tell whether the rows were in main: a person must say."""

    failure: Failure


class Next(Enum):
    """What to do when a look at the table decides nothing."""

    PICK = "pick"
    LOOK_AGAIN = "look again"


def publish(
    work: PublishWork,
    *,
    sessions: Sessions,
    ingestion: str,
    lease_id: str,
    check_held: Callable[[], None],
    pause: Callable[[float], None] = time.sleep,
) -> Published | NotPublished | InDoubt:
    """Publishes what was staged, and marks it so. Raises AttemptFailed when a table cannot be reached now.

    `check_held` raises when the lease is no longer ours; it is asked before each look. The rows come first: where they
    are not in main, the records kept aside are not in theirs, and both can be loaded again.
    """
    to_main = partial(
        publish_table,
        sessions=sessions,
        ingestion=ingestion,
        lease_id=lease_id,
        check_held=check_held,
        pause=pause,
    )
    rows = to_main(work.rows)
    if work.rejects is None or not isinstance(rows, Published):
        return rows
    failpoint("executor.before_rejects_published")
    match to_main(work.rejects):
        case Published() as rejects:
            branches = tuple(dict.fromkeys((*rows.branches, *rejects.branches)))[:_BRANCHES_MAX]
            return replace(rows, rejects_snapshot_id=rejects.snapshot_id, branches=branches)
        case NotPublished():
            return _in_doubt(f"The rows are in main, and what was staged in `{work.rejects.table}` is lost.")
        case InDoubt() as doubt:
            return doubt


def publish_table(
    staged: StagedTable,
    *,
    sessions: Sessions,
    ingestion: str,
    lease_id: str,
    check_held: Callable[[], None],
    pause: Callable[[float], None],
) -> Published | NotPublished | InDoubt:
    """Publishes the staged snapshot of one table. Raises AttemptFailed when it cannot be reached now."""
    if not staged.staged_snapshot_id:
        return Published(snapshot_id=0)
    failure: Failure | None = None
    doubted: list[TableState | None] = []
    for look in range(_LOOKS_MAX):
        check_held()
        try:
            state, verdict = _look_and_pick(staged, sessions=sessions, lease_id=lease_id)
        except Exception as error:
            # Whatever it says, a pick may have landed: only the next look can tell.
            failure = failure_of(error)
            log.warning("publish_interrupted", lease=lease_id, cause=failure.cause)
            pause(min(0.1 * 2**look, 5.0))
            continue
        if state is not None and isinstance(verdict, Published):
            marker = Marker(staged_snapshot_id=staged.staged_snapshot_id, published_snapshot_id=verdict.snapshot_id)
            _mark(marker, staged.table, state, sessions=sessions, ingestion=ingestion, lease_id=lease_id)
            sessions.make_durable()
            return verdict
        if isinstance(verdict, NotPublished | InDoubt):
            # The parts of a state are read one after the other. Two equal states in a row are a
            # true one, since main did not move between the first's end and the second's start.
            if state in doubted[-1:]:
                return verdict
            doubted.append(state)
    raise (
        AttemptFailed(failure)
        if failure
        else attempt_failed(Category.WRITE_FAILURE, f"`{staged.table}` changes too fast to publish.", retryable=True)
    )


def _mark(marker: Marker, table: str, state: TableState, *, sessions: Sessions, ingestion: str, lease_id: str) -> None:
    """Leaves word beside the table that the snapshot is in main. Main itself says so until its history expires."""
    name = tables.table_name(table, default_catalog=sessions.default_catalog)
    try:
        objects = objects_beside(state.location, spark=sessions.publisher, table_sql=name.sql)
        leave_marker(marker, objects, ingestion=ingestion, lease_id=lease_id)
    except Exception as error:
        log.warning("marker_not_left", lease=lease_id, cause=failure_of(error).cause)


def _look_and_pick(
    staged: StagedTable, *, sessions: Sessions, lease_id: str
) -> tuple[TableState | None, Published | NotPublished | InDoubt | Next]:
    spark = sessions.publisher
    table = tables.table_name(staged.table, default_catalog=sessions.default_catalog)
    looked_at = time.monotonic()
    state = read_state(spark, table.sql)
    verdict = judge(state, staged, lease_id=lease_id)
    if verdict is Next.PICK and time.monotonic() - looked_at < _LOOK_AGE_SECONDS_MAX:
        failpoint("executor.before_pick")
        tables.pick_onto_main(spark, table, staged.staged_snapshot_id)
        failpoint("executor.after_pick")
        after = read_state(spark, table.sql)
        verdict = (after and _in_main(after, staged, lease_id=lease_id)) or Next.LOOK_AGAIN
    return state, verdict


def judge(state: TableState | None, staged: StagedTable, *, lease_id: str) -> Published | NotPublished | InDoubt | Next:
    """What a state of the table says about a staged snapshot. Pure.

    The order is that of "Publish" in the protocol: another table, traces in main, traces of a
    removal, the floor, the snapshot itself.
    """
    if state is None:
        return _in_doubt(f"Table `{staged.table}` is gone.")
    if state.id != staged.table_uuid:
        return _in_doubt(f"Table `{staged.table}` was dropped and created again.")
    if state.is_torn:
        return Next.LOOK_AGAIN
    if found := _in_main(state, staged, lease_id=lease_id):
        return found
    if _was_removed(state, staged, lease_id=lease_id):
        return _in_doubt("The rows were in main, and somebody removed them.")
    # That the floor merely exists, under a tag, or that main reaches a root, proves nothing.
    if all(one.id != staged.base_snapshot_id for one in state.main_chain()):
        return _in_doubt(
            f"Main no longer descends from snapshot {staged.base_snapshot_id}, after which the "
            "rows would have come: it was replaced, rolled back, or its history expired."
        )
    is_known = staged.staged_snapshot_id in state.snapshots
    return Next.PICK if is_known else NotPublished()


def _in_main(state: TableState, staged: StagedTable, *, lease_id: str) -> Published | InDoubt | None:
    """The publication, if main has it."""
    for snapshot in state.main_chain():
        if staged.staged_snapshot_id in (snapshot.id, snapshot.source_id):
            branches = state.private_branches[:_BRANCHES_MAX]
            return Published(snapshot_id=snapshot.id, branches=branches)
        if lease_id in snapshot.wap_ids:
            return _in_doubt(f"Main holds another attempt of this lease, snapshot {snapshot.id}.")
    return None


def _was_removed(state: TableState, staged: StagedTable, *, lease_id: str) -> bool:
    return staged.staged_snapshot_id in state.once_in_main or any(
        snapshot.source_id == staged.staged_snapshot_id or snapshot.summary.get("published-wap-id") == lease_id
        for snapshot in state.snapshots.values()
    )


def _in_doubt(what: str) -> InDoubt:
    return InDoubt(
        failure=Failure(
            category=Category.PUBLISH_IN_DOUBT,
            message=f"{what} Look whether the rows are in the table, then say so with ResolvePublish.",
        )
    )


def drop_branches(table: str, names: Iterable[str], *, sessions: Sessions) -> None:
    """Drops private branches that the control plane calls droppable; what fails is left for later."""
    name = tables.table_name(table, default_catalog=sessions.default_catalog)
    for branch in names:
        try:
            tables.drop_branch(sessions.publisher, name, branch)
        except Exception as error:
            log.info("branch_not_dropped", table=table, branch=branch, cause=failure_of(error).cause)


def keep_for_person(work: PublishWork, *, sessions: Sessions, lease_id: str) -> None:
    """Tags the snapshots in doubt, so that nothing expires while a person looks; they may be gone."""
    for staged in work.tables:
        name = tables.table_name(staged.table, default_catalog=sessions.default_catalog)
        with suppress(Exception):
            tables.create_tag(
                sessions.publisher,
                name,
                f"autoloader_in_doubt_{lease_id.replace('-', '')}",
                snapshot_id=staged.staged_snapshot_id,
            )
