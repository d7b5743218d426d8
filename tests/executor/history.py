"""Builders of what the comparisons read: main's history, the ledger's leases, and what leases left beside the table."""

from __future__ import annotations

from collections.abc import Iterable

from executor.history import History, history_of
from executor.lease import LeasedFile, StagedTable
from executor.ledger import LeaseState, LedgerLease
from executor.manifests import Manifest
from executor.metadata import LEASE_PROPERTY, Snapshot, TableState

TABLE_ID = "the-table"


def lease_name(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def an_append(number: int, *, lease: int | None = None, rows: int = 10) -> Snapshot:
    """Snapshot `number`, whose parent is the one before it; the first is a root."""
    ours = {LEASE_PROPERTY: lease_name(lease)} if lease is not None else {}
    return Snapshot(
        id=number,
        parent_id=number - 1 or None,
        timestamp_ms=number * 1000,
        summary={"added-records": str(rows), "total-records": str(number * rows), **ours},
    )


def a_history(snapshots: Iterable[Snapshot], *, head: int, others: Iterable[Snapshot] = ()) -> History:
    """Main with the head; `others` were in main once."""
    known = {snapshot.id: snapshot for snapshot in (*snapshots, *others)}
    return history_of(
        TableState(
            id=TABLE_ID, location="file:///t", refs={"main": head}, snapshots=known, once_in_main=frozenset(known)
        )
    )


def staged_as(snapshot: int, *, rows: int = 10, table_id: str = TABLE_ID) -> StagedTable:
    return StagedTable(
        table="lake.shop.orders",
        table_uuid=table_id,
        base_snapshot_id=snapshot - 1,
        staged_snapshot_id=snapshot,
        records_added=rows,
    )


def a_ledger_lease(
    lease: int,
    *,
    snapshot: int,
    state: LeaseState = LeaseState.PUBLISHED,
    rows: int = 10,
    files: int = 1,
    table_id: str = TABLE_ID,
) -> LedgerLease:
    return LedgerLease(
        id=lease_name(lease),
        run="ingestions/orders/runs/7",
        state=state,
        attempt=f"attempt-{lease}",
        staged=staged_as(snapshot, rows=rows, table_id=table_id),
        published_snapshot_id=snapshot if state is LeaseState.PUBLISHED else 0,
        file_count=files,
        records_written=rows if files else 0,
    )


def a_manifest_of(lease: int, *, snapshot: int, file: str = "", table_id: str = TABLE_ID) -> Manifest:
    """Of one file of ten rows."""
    uri = f"file:///{file or lease}.json"
    return Manifest(
        ingestion="orders",
        lease_id=lease_name(lease),
        attempt=f"attempt-{lease}-{snapshot}",
        time_ms=snapshot * 1000,
        staged=staged_as(snapshot, table_id=table_id),
        files=(LeasedFile(uri=uri, size_bytes=1, etag="", modification_time_ns=1),),
        records_written=(10,),
        exceptions=(),
    )
