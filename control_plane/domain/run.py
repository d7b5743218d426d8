"""A run: one pass of an ingestion, the states it goes through and the figures it leaves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from control_plane.domain.file import LoadError
from control_plane.domain.schema import SchemaChange


class RunState(StrEnum):
    """States of a run; `RUN_MOVES` has the arrows."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    PARTIALLY_SUCCEEDED = "PARTIALLY_SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Trigger(StrEnum):
    """What a run comes from: a person or a program asked for it, or it holds leases that the ledger took back."""

    MANUAL = "MANUAL"
    RECONCILE = "RECONCILE"


ACTIVE_STATES = frozenset({RunState.PENDING, RunState.RUNNING})
RUN_MOVES: dict[RunState, frozenset[RunState]] = {
    RunState.PENDING: frozenset({RunState.RUNNING, RunState.CANCELLED}),
    RunState.RUNNING: frozenset(
        {RunState.SUCCEEDED, RunState.PARTIALLY_SUCCEEDED, RunState.FAILED, RunState.CANCELLED}
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunWarning:
    """What did not stop a run but should be known; `kind` is a name of RunWarning.Kind."""

    kind: str
    subject: str
    record_count: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as the ledger has it; all counts are since its start, `files_remaining` is now."""

    run_id: int
    ingestion_id: int
    ingestion: str
    state: RunState
    trigger: Trigger
    create_time: datetime
    start_time: datetime | None
    end_time: datetime | None
    cancel_time: datetime | None
    now: datetime
    files_discovered: int
    files_processed: int
    files_failed: int
    files_skipped: int
    files_missing: int
    files_remaining: int
    records_written: int
    records_rejected: int
    bytes_read: int
    listing_requests: int
    objects_listed: int
    errors: tuple[LoadError, ...]
    warnings: tuple[RunWarning, ...]
    snapshot_ids: tuple[int, ...]
    leases_in_doubt: tuple[str, ...]
    schema_changes: tuple[SchemaChange, ...] = ()

    @property
    def at_rest(self) -> bool:
        return self.state not in ACTIVE_STATES
