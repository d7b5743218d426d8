"""Compares what the ledger knows of a table's leases with what the table itself says. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from executor.history import History
from executor.ledger import LeaseState, LedgerLease
from executor.metadata import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """`differences` are a sentence each, with what to do; `notes` are no differences."""

    differences: tuple[str, ...]
    notes: tuple[str, ...]


def audit(
    leases: Sequence[LedgerLease], *, ingestion: str, table: str, earlier: History | None, later: History | None
) -> Audit:
    """Compares `leases`, which were read between the two histories of main; None where there is no table.

    What was in main before must be known by then, and what was published by then must be in main after.
    """
    with_rows = [lease for lease in leases if lease.staged.staged_snapshot_id]
    if earlier is None or later is None:
        lost = _published(with_rows)
        return Audit(differences=(f"Table {table} is gone, and {_rows(lost)}.",) if lost else (), notes=())
    ours = [lease for lease in with_rows if lease.staged.table_uuid == later.state.id]
    former = _published([lease for lease in with_rows if lease.staged.table_uuid != later.state.id])
    differences = [difference for lease in ours for difference in _of_lease(lease, later)]
    if former:
        differences.append(f"Table {table} was dropped and created again, or replaced: {_rows(former)} went with it.")
    differences += _unknown({lease.id for lease in ours}, earlier, ingestion)
    differences += _twice(later)
    return Audit(differences=tuple(differences), notes=tuple(_notes(ours, later)))


def kept_aside(lease: LedgerLease) -> LedgerLease | None:
    """The lease as the table of its rejects has it; None when it has none there."""
    if lease.rejects is None or not (lease.published_rejects_snapshot_id or lease.state is not LeaseState.PUBLISHED):
        return None
    return replace(
        lease,
        staged=lease.rejects,
        published_snapshot_id=lease.published_rejects_snapshot_id,
        records_written=lease.rejects.records_added,
    )


def described(snapshot: Snapshot) -> str:
    return f"snapshot {snapshot.id} of {snapshot.time} with {snapshot.records_added:,} rows"


def _of_lease(lease: LedgerLease, main: History) -> Iterator[str]:
    match lease.state:
        case LeaseState.STAGED:
            return
        case LeaseState.IN_DOUBT:
            yield (
                f"Lease {lease.id}: it is in doubt whether {_rows([lease])} are in main. Look, then say so: "
                f"autoloader runs resolve {lease.run} {lease.id} …"
            )
        case LeaseState.PUBLISHED if lease.published_snapshot_id in main.snapshots:
            yield from _of_counts(lease, main.snapshots[lease.published_snapshot_id])
        case LeaseState.PUBLISHED if others := main.of_lease.get(lease.id):
            yield (
                f"Lease {lease.id}: main has it as {described(others[0])}, the ledger as snapshot "
                f"{lease.published_snapshot_id}."
            )
        case LeaseState.PUBLISHED if main.tells_of(lease.staged, snapshot_id=lease.published_snapshot_id):
            yield (
                f"Lease {lease.id}: snapshot {lease.published_snapshot_id} is not in main, which was rolled back or "
                f"replaced: {_rows([lease])} are gone. Bring the snapshot back, or have the files come anew."
            )


def _of_counts(lease: LedgerLease, snapshot: Snapshot) -> Iterator[str]:
    counts = (snapshot.records_added, lease.staged.records_added, lease.records_written)
    # Of a lease that was taken back without a manifest nobody knows the files.
    if len(set(counts if lease.file_count else counts[:2])) > 1:
        yield (
            f"Lease {lease.id}: snapshot {snapshot.id} added {counts[0]:,} rows; the ledger has {counts[1]:,} for "
            f"the lease and {counts[2]:,} for its files."
        )


def _unknown(known: set[str], main: History, ingestion: str) -> Iterator[str]:
    for lease, snapshots in main.of_lease.items():
        if lease not in known:
            yield (
                f"Lease {lease}: {described(snapshots[0])} is in main, and the ledger does not know it: "
                f"autoloader reconcile {ingestion}"
            )


def _twice(main: History) -> Iterator[str]:
    for lease, snapshots in main.of_lease.items():
        if len(snapshots) > 1:
            ids = ", ".join(str(snapshot.id) for snapshot in snapshots)
            yield f"Lease {lease}: its rows are in main {len(snapshots)} times, by snapshots {ids}."


def _notes(leases: Sequence[LedgerLease], main: History) -> Iterator[str]:
    published = _published(leases)
    if staged := [lease for lease in leases if lease.state is LeaseState.STAGED]:
        yield f"{_rows(staged).capitalize()} are staged and wait to be published."
    if past := [lease for lease in published if _is_past(lease, main)]:
        yield f"{_rows(past).capitalize()} came before what main still remembers: nothing to compare."
    # Main that is nothing but our appends has the ledger's rows, unless somebody deleted some.
    if main.snapshots and main.is_whole and all(_is_ours(one, main) for one in main.snapshots.values()):
        head = next(iter(main.snapshots.values()))
        rows = sum(lease.staged.records_added for lease in published)
        yield f"Main has {head.records_total:,} rows, the ledger {rows:,}."


def _is_past(lease: LedgerLease, main: History) -> bool:
    is_seen = lease.published_snapshot_id in main.snapshots or lease.id in main.of_lease
    return not is_seen and not main.tells_of(lease.staged, snapshot_id=lease.published_snapshot_id)


def _is_ours(snapshot: Snapshot, main: History) -> bool:
    """One of our leases, or the empty floor."""
    return main.state.lease_of(snapshot) is not None or not snapshot.records_total


def _published(leases: Sequence[LedgerLease]) -> list[LedgerLease]:
    return [lease for lease in leases if lease.state is LeaseState.PUBLISHED]


def _rows(leases: Sequence[LedgerLease]) -> str:
    files = sum(lease.file_count for lease in leases)
    rows = sum(lease.staged.records_added for lease in leases)
    return f"the {rows:,} rows of {files:,} {'file' if files == 1 else 'files'}"
