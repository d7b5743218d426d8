"""Leases as a ledger that lost its memory and the tables have them, and what may be taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from control_plane.domain.file import FileState
from control_plane.domain.lease import FileException, LeasedFile, LeaseState, Rejects, StagedTable


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLease:
    """A lease with rows in a table, or staged for it; `published_snapshot_id` is 0 before, and when there are none."""

    lease_id: str
    ingestion: str
    run_id: int
    state: LeaseState
    attempt: str
    staged: StagedTable
    published_snapshot_id: int
    file_count: int
    records_written: int
    end_time: datetime | None
    rejects: StagedTable | None = None
    published_rejects_snapshot_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgottenLease:
    """A lease as its manifest and the table have it: rows a file, in the order of `files`, and the exceptions.

    `attempt` is empty when nobody knows it; `files` when nobody knows from which the rows are.
    """

    lease_id: str
    attempt: str
    staged: StagedTable
    published_snapshot_id: int
    files: tuple[LeasedFile, ...]
    records_written: tuple[int, ...]
    exceptions: tuple[FileException, ...]
    rejects: Rejects | None = None
    published_rejects_snapshot_id: int = 0


class RestoreResult(StrEnum):
    """What became of a lease that was to be taken back."""

    KNOWN = "KNOWN"
    RESTORED = "RESTORED"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoredLease:
    """What became of it; `message` says why it was refused."""

    lease_id: str
    result: RestoreResult
    files_restored: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLease:
    """What the ledger has of a lease that was to be taken back; `is_ours`: it is one of the same ingestion."""

    state: LeaseState
    is_ours: bool
    published_snapshot_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFile:
    """What the ledger has of the version of an object that a forgotten lease loaded."""

    file_id: int
    state: FileState
    lease_id: str
    snapshot_id: int


def standing(lease: ForgottenLease, known: KnownLease) -> RestoredLease | None:
    """Says that there is nothing to take back, or that it must not be; None when there is, and it may."""
    if not known.is_ours:
        return _refused(lease, "it is a lease of another ingestion; reconcile that one")
    match known.state:
        case LeaseState.STAGED:
            # Whoever publishes it finds it in main.
            return RestoredLease(lease_id=lease.lease_id, result=RestoreResult.KNOWN)
        case LeaseState.IN_DOUBT:
            return _refused(lease, "it is IN_DOUBT; say ResolvePublish with PUBLISHED: it is in the table")
        case LeaseState.PUBLISHED if known.published_snapshot_id in (0, lease.published_snapshot_id):
            return RestoredLease(lease_id=lease.lease_id, result=RestoreResult.KNOWN)
        case LeaseState.PUBLISHED:
            return _refused(
                lease,
                f"the ledger has it as snapshot {known.published_snapshot_id}, the table as"
                f" {lease.published_snapshot_id}; its rows may be in the table twice",
            )
        case LeaseState.OFFERED | LeaseState.HELD if not lease.files:
            return _refused(lease, f"it is {known.state}, and its files are known; reconcile when it is at rest")
        case LeaseState.OFFERED | LeaseState.HELD | LeaseState.ABANDONED | LeaseState.FAILED:
            return None


def contradiction(lease: ForgottenLease, known: Sequence[KnownFile | None]) -> RestoredLease | None:
    """Refuses a lease whose rows are in the table by another one too; `known` is in the order of its files."""
    exceptions = {exception.index for exception in lease.exceptions}
    for index, (file, records, found) in enumerate(zip(lease.files, lease.records_written, known, strict=True)):
        if found is None or index in exceptions:
            continue
        if found.state is FileState.LEASED and found.lease_id != lease.lease_id:
            return _refused(
                lease, f"{file.uri} is in lease {found.lease_id}, which is in doubt; resolve that one first"
            )
        if found.state is FileState.PROCESSED and records and found.snapshot_id != lease.published_snapshot_id:
            return _refused(
                lease,
                f"{file.uri} is loaded by snapshot {found.snapshot_id}, and again by {lease.published_snapshot_id}: its"
                " rows are in the table twice; delete those of one of them, then accept the lease",
            )
    return None


def _refused(lease: ForgottenLease, why: str) -> RestoredLease:
    return RestoredLease(lease_id=lease.lease_id, result=RestoreResult.REFUSED, message=f"{why}.")
