"""Writes the rows of a lease's good files onto a private branch, in as many rounds as it takes.

The first rounds trust every file, since most files are good. A round that meets bad ones drops
them from the roster, and the next one starts on a fresh branch without them.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pyspark.sql.types import StructType

from executor import table as tables
from executor.counts import FileCounts
from executor.destination import fit_into, ready_table, wanted_schema
from executor.diagnose import has_malformed_record
from executor.errors import attempt_failed
from executor.failpoints import failpoint
from executor.job import Job
from executor.lease import Category, StagedTable
from executor.metadata import ATTEMPT_PROPERTY, LEASE_PROPERTY, Snapshot, TableState, leases_since, read_state
from executor.reading import (
    count_apart,
    drop_leftovers,
    drop_rejected,
    drop_silent,
    drop_unreadable,
    survey,
)
from executor.schema.reconcile import Fit
from executor.table import TableFacts
from executor.trust import glance, trusted_counts
from executor.writing import append_to, rows_to_write

_TRUSTING_ROUNDS = 3
_ROUNDS_MAX = 6
_METADATA_TRIES = 6
_OPEN_COST_BYTES = (64 << 10, 4 << 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A staged snapshot, the number of its rows by file, and what the table says of itself beside."""

    table: StagedTable
    counts: Mapping[int, int]
    leases_in_main: tuple[str, ...] = ()
    location: str = ""


def stage(job: Job) -> Staged:
    """What was staged; no snapshot when there are no rows. Raises AttemptFailed."""
    if not job.roster.unempty:
        return _nothing(job)
    _set_up_session(job)
    wanted = wanted_schema(job)
    facts = ready_table(job, wanted)
    if facts is None:
        return _nothing(job)
    return _rounds(job, facts, fit_into(job, wanted, facts))


def _set_up_session(job: Job) -> None:
    sizes = [file.size_bytes for file in job.roster.unempty.values()]
    smallest, largest = _OPEN_COST_BYTES
    open_cost = max(smallest, min(largest, sum(sizes) // len(sizes) // 2))
    job.spark.conf.set("spark.sql.files.openCostInBytes", str(open_cost))
    # Above it Spark starts a job to list files that we know one by one.
    job.spark.conf.set("spark.sql.sources.parallelPartitionDiscovery.threshold", str(len(sizes) + 1))


def _rounds(job: Job, facts: TableFacts, fitted: Fit) -> Staged:
    for number in range(1, _ROUNDS_MAX + 1):
        if number > _TRUSTING_ROUNDS:
            for index in job.roster.unempty:
                survey(job, [index], fitted.read)
        if not job.roster.unempty:
            return _nothing(job)
        staged = _round(job, facts, fitted, branch=job.branch(number))
        if staged is not None:
            return staged
    raise attempt_failed(Category.FILE_CHANGED, "The files change faster than they can be read.", retryable=True)


def _round(job: Job, facts: TableFacts, fitted: Fit, *, branch: str) -> Staged | None:
    """What was staged, or None when files had to be dropped."""
    job.check_held()
    job.phase("stage")
    try:
        with ThreadPoolExecutor(1) as thread:
            opening = thread.submit(tables.open_branch, job.spark, job.table, branch, is_empty=facts.is_empty)
            rows, observed = rows_to_write(job, fitted)
            append = append_to(job, rows, branch)
            opening.result()
            job.check_held()
            # Spark works in its JVM; meanwhile this process, which had many words with it, looks at the files.
            glancing = thread.submit(glance, job)
            failpoint("executor.before_stage")
            append.save(job.table.sql)
            failpoint("executor.after_stage")
        glanced = glancing.result()
        job.phase("verify")
        state, snapshot = _staged_snapshot(job, branch)
        _refuse_another(job, facts, state)
        counts = observed() if observed else trusted_counts(job, fitted.table, glanced, snapshot)
        counts = _agreed(job, fitted, counts, snapshot)
    except Exception as error:
        _refuse_if_replaced(job, facts)
        if has_malformed_record(error):
            survey(job, job.roster.unempty, fitted.read)
        else:
            drop_unreadable(job, error)
        return None
    if _drop_bad(job, counts, fitted.read, glanced):
        return None
    if not snapshot.records_added:
        return _nothing(job)
    job.make_durable()
    return Staged(
        table=_staged(job, facts, state, snapshot),
        counts=counts.read,
        leases_in_main=leases_since(state, job.work.verified_snapshot_id),
        location=state.location,
    )


def _drop_bad(job: Job, counts: FileCounts, schema: StructType, glanced: Mapping[int, int]) -> bool:
    return (
        drop_rejected(job, counts, schema)
        or drop_leftovers(job, job.roster.unempty.keys() - glanced.keys(), counts)
        or drop_silent(job, counts, schema)
        or job.roster.drop_troubled(job.store.troubles)
    )


def _refuse_if_replaced(job: Job, facts: TableFacts) -> None:
    """Lets no other attempt load into another table what this one could not load into its own."""
    try:
        state = read_state(job.spark, job.table.sql)
    except Exception:  # what led here is told
        return
    if state is not None:
        _refuse_another(job, facts, state)


def _refuse_another(job: Job, facts: TableFacts, state: TableState) -> None:
    if state.id != facts.id:
        raise attempt_failed(
            Category.TABLE_REPLACED,
            f"Table `{job.work.table}` was dropped and created again while the run loaded into it. The next run loads"
            " into the new one.",
            retryable=False,
        )


def _staged_snapshot(job: Job, branch: str) -> tuple[TableState, Snapshot]:
    """The branch's head, proven ours and not in main."""
    state = _state(job)
    snapshot = state.snapshots.get(state.refs.get(branch, 0))
    ours = {LEASE_PROPERTY: job.lease_id, ATTEMPT_PROPERTY: job.attempt}
    if snapshot is None or not ours.items() <= snapshot.summary.items():
        raise attempt_failed(
            Category.WRITE_FAILURE,
            f"Branch `{branch}` of `{job.work.table}` does not have what was written to it.",
            retryable=True,
        )
    if any(one.id == snapshot.id or job.lease_id in one.wap_ids for one in state.main_chain()):
        raise attempt_failed(
            Category.TABLE_SEALED,
            f"Main of `{job.work.table}` has rows of this lease already, which the ledger forgot. "
            "`autoloader reconcile` brings back what it forgot.",
            retryable=False,
        )
    return state, snapshot


def _state(job: Job) -> TableState:
    for _ in range(_METADATA_TRIES):
        state = read_state(job.spark, job.table.sql)
        if state is not None and not state.is_torn:
            return state
    raise attempt_failed(
        Category.WRITE_FAILURE, f"Table `{job.work.table}` went away while it was written.", retryable=True
    )


def _agreed(job: Job, fitted: Fit, counts: FileCounts | None, snapshot: Snapshot) -> FileCounts:
    """Counts whose sum is the number of rows in the snapshot. Raises AttemptFailed if none agree."""
    if counts is not None and counts.total == snapshot.records_added:
        return counts
    counts = count_apart(job, job.roster.unempty, fitted.read)
    if counts.total == snapshot.records_added:
        return counts
    raise attempt_failed(
        Category.WRITE_FAILURE,
        f"{snapshot.records_added} rows were staged and {counts.total} are in the files.",
        retryable=True,
    )


def _staged(job: Job, facts: TableFacts, state: TableState, snapshot: Snapshot) -> StagedTable:
    assert state.head is not None, "the floor was laid before the write"
    return StagedTable(
        table=job.work.table,
        table_uuid=facts.id,
        base_snapshot_id=state.head,
        staged_snapshot_id=snapshot.id,
        records_added=snapshot.records_added,
    )


def _nothing(job: Job) -> Staged:
    return Staged(table=StagedTable(table=job.work.table), counts={})
