"""Looks at what was staged: that it is ours, that main does not have it, and that the table is still the same."""

from __future__ import annotations

from executor.errors import attempt_failed
from executor.job import Job
from executor.lease import Category, StagedTable
from executor.metadata import ATTEMPT_PROPERTY, LEASE_PROPERTY, Snapshot, TableState, read_state
from executor.table import TableFacts

_METADATA_TRIES = 6


def staged_snapshot(job: Job, branch: str) -> tuple[TableState, Snapshot]:
    """The branch's head, proven ours and not in main. Raises AttemptFailed."""
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


def refuse_if_replaced(job: Job, facts: TableFacts) -> None:
    """Lets no other attempt load into another table what this one could not load into its own."""
    try:
        state = read_state(job.spark, job.table.sql)
    except Exception:  # what led here is told
        return
    if state is not None:
        refuse_another(job, facts, state)


def refuse_another(job: Job, facts: TableFacts, state: TableState) -> None:
    if state.id != facts.id:
        raise attempt_failed(
            Category.TABLE_REPLACED,
            f"Table `{job.work.table}` was dropped and created again while the run loaded into it. The next run loads"
            " into the new one.",
            retryable=False,
        )


def staged_table(job: Job, facts: TableFacts, state: TableState, snapshot: Snapshot) -> StagedTable:
    assert state.head is not None, "the floor was laid before the write"
    return StagedTable(
        table=job.work.table,
        table_uuid=facts.id,
        base_snapshot_id=state.head,
        staged_snapshot_id=snapshot.id,
        records_added=snapshot.records_added,
    )


def _state(job: Job) -> TableState:
    for _ in range(_METADATA_TRIES):
        state = read_state(job.spark, job.table.sql)
        if state is not None and not state.is_torn:
            return state
    raise attempt_failed(
        Category.WRITE_FAILURE, f"Table `{job.work.table}` went away while it was written.", retryable=True
    )
