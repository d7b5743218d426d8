"""What goes out with a lease: its files and columns, or what was staged for it."""

from __future__ import annotations

import uuid

from sqlalchemy import RowMapping

from control_plane.domain.lease import AcquiredLease, LeasedFile, LeaseState
from control_plane.ledger import ingestions, schemas, staged
from control_plane.ledger.database import Connection, fetch


async def granted(connection: Connection, row: RowMapping, *, lease_seconds: float) -> AcquiredLease:
    """The lease of a row that `acquire_lease` returned."""
    stored = await ingestions.get_by_key(connection, row["ingestion_id"])
    is_staged = row["state"] == LeaseState.STAGED
    schema = schemas.NO_COLUMNS if is_staged else await schemas.in_force(connection, stored)
    rows, rejects = await staged.of_lease(connection, row["lease_id"]) if is_staged else (None, None)
    return AcquiredLease(
        lease_id=str(row["lease_id"]),
        fence=row["fence"],
        attempt=str(row["attempt"]),
        ttl_seconds=lease_seconds,
        now=row["now"],
        run_id=row["run_id"],
        ingestion=stored.ingestion,
        columns=schema.columns,
        schema_version=schema.version,
        ignored_fields=()
        if is_staged
        else await schemas.ignored_fields(connection, stored.ingestion_id, schema.columns),
        files=() if is_staged else await _members(connection, row["lease_id"]),
        staged=rows,
        staged_rejects=rejects,
        verified_snapshot_id=row["verified_snapshot_id"],
        is_suspect=not is_staged and row["executors_lost"] > 0,
    )


async def member_ids(connection: Connection, lease_id: str) -> list[int]:
    """The files of a lease that has not ended, in its order."""
    query = "SELECT file_id FROM files WHERE lease_id = $1 ORDER BY file_id"
    return [file_id for (file_id,) in await fetch(connection, query, uuid.UUID(lease_id))]


async def _members(connection: Connection, lease_id: uuid.UUID) -> tuple[LeasedFile, ...]:
    rows = await fetch(
        connection,
        "SELECT uri, size_bytes, etag, modification_time_ns FROM files WHERE lease_id = $1 ORDER BY file_id",
        lease_id,
    )
    return tuple(
        LeasedFile(uri=uri, size_bytes=size, etag=etag, modification_time_ns=time) for uri, size, etag, time in rows
    )
