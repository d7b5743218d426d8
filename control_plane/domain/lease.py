"""A lease: a set of files handed to one executor until a deadline, under a growing fence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from control_plane.domain.file import LoadError
from control_plane.domain.ingestion import Column, Ingestion
from control_plane.domain.run import RunWarning
from control_plane.domain.schema import WantedChange


class LeaseState(StrEnum):
    """States of a lease; `LEASE_MOVES` has the arrows."""

    OFFERED = "OFFERED"
    HELD = "HELD"
    STAGED = "STAGED"
    PUBLISHED = "PUBLISHED"
    IN_DOUBT = "IN_DOUBT"
    ABANDONED = "ABANDONED"
    FAILED = "FAILED"


# STAGED to itself is a publisher that died and is replaced, under a higher fence. What is not STAGED becomes PUBLISHED
# only when the ledger had forgotten that it was.
LEASE_MOVES: dict[LeaseState, frozenset[LeaseState]] = {
    LeaseState.OFFERED: frozenset({LeaseState.HELD, LeaseState.ABANDONED, LeaseState.FAILED, LeaseState.PUBLISHED}),
    LeaseState.HELD: frozenset({LeaseState.STAGED, LeaseState.OFFERED, LeaseState.ABANDONED, LeaseState.PUBLISHED}),
    LeaseState.STAGED: frozenset({LeaseState.STAGED, LeaseState.PUBLISHED, LeaseState.OFFERED, LeaseState.IN_DOUBT}),
    LeaseState.IN_DOUBT: frozenset({LeaseState.STAGED, LeaseState.PUBLISHED, LeaseState.OFFERED}),
    LeaseState.ABANDONED: frozenset({LeaseState.PUBLISHED}),
    LeaseState.FAILED: frozenset({LeaseState.PUBLISHED}),
}


class Resolution(StrEnum):
    """What a person found out about a lease in doubt."""

    TRY_AGAIN = "TRY_AGAIN"
    PUBLISHED = "PUBLISHED"
    NOT_PUBLISHED = "NOT_PUBLISHED"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasedFile:
    """A file of a lease, as it was listed."""

    uri: str
    size_bytes: int
    etag: str
    modification_time_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedTable:
    """A staged snapshot, and what its table looked like then; ids are 0 when there were no rows."""

    table: str
    table_uuid: str
    base_snapshot_id: int
    staged_snapshot_id: int
    records_added: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejects:
    """What was staged of records that are kept aside, and their number in each file, in the lease's order."""

    staged: StagedTable
    records: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AcquiredLease:
    """A lease as it is handed out: `staged` is None when its files are to be loaded, else they are empty.

    `staged_rejects` are the records kept aside, if there are any.
    `columns` are those of the version that holds, empty when they are still to be inferred.
    `ignored_fields` are the paths of what a person rejected.
    `verified_snapshot_id` is the head of the table up to which every lease is known; 0 when none is.
    `is_suspect` when executors died while they loaded its files.
    """

    lease_id: str
    fence: int
    attempt: str
    ttl_seconds: float
    now: datetime
    run_id: int
    ingestion: Ingestion
    columns: tuple[Column, ...]
    schema_version: int
    ignored_fields: tuple[str, ...]
    files: tuple[LeasedFile, ...]
    staged: StagedTable | None
    verified_snapshot_id: int
    staged_rejects: StagedTable | None = None
    is_suspect: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FileException:
    """What became of the file at `index` of its lease, when it yields no rows; `outcome` is FAILED or MISSING."""

    index: int
    outcome: str
    error: LoadError
    records_rejected: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """How an executor names the lease that it holds."""

    lease_id: str
    fence: int
    attempt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Staging:
    """What StageLease says: the snapshot, a count of rows a file in the lease's order, and the exceptions.

    `leases_in_main` are those that the table's history names since the verified head. `held_changes` wait for a person.
    """

    staged: StagedTable
    records_written: tuple[int, ...]
    exceptions: tuple[FileException, ...]
    warnings: tuple[RunWarning, ...]
    leases_in_main: tuple[str, ...] = ()
    held_changes: tuple[WantedChange, ...] = ()
    rejects: Rejects | None = None
