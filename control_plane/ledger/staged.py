"""The tables that leases staged: one of rows, and one of the records that are kept aside, if there are any."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import RowMapping, and_, select

from control_plane.domain.lease import Holding, Rejects, StagedTable, Staging
from control_plane.ledger.database import Connection
from control_plane.ledger.tables import staged_tables

ROWS = "ROWS"
REJECTS = "REJECTS"

# The other table of a lease, beside that of its rows.
rejects_tables = staged_tables.alias("rejects_tables")
OF_SAME_LEASE = and_(rejects_tables.c.lease_id == staged_tables.c.lease_id, rejects_tables.c.purpose == REJECTS)


async def of_lease(connection: Connection, lease_id: uuid.UUID) -> tuple[StagedTable, StagedTable | None]:
    """What was staged of rows, and of records kept aside."""
    found = await connection.execute(select(staged_tables).where(staged_tables.c.lease_id == lease_id))
    by_purpose = {row["purpose"]: staged_from(row) for row in found.mappings()}
    return by_purpose[ROWS], by_purpose.get(REJECTS)


async def is_stored(connection: Connection, holding: Holding, staging: Staging) -> bool:
    """Whether this is what counts."""
    stored = await connection.scalar(
        select(staged_tables.c.lease_id).where(
            staged_tables.c.lease_id == uuid.UUID(holding.lease_id),
            staged_tables.c.purpose == ROWS,
            staged_tables.c.attempt == uuid.UUID(holding.attempt),
            staged_tables.c.staged_snapshot_id == staging.staged.staged_snapshot_id,
        )
    )
    return stored is not None


async def keeps_aside(connection: Connection, lease_id: str) -> bool:
    """Whether records of the lease are staged in a table of their own."""
    query = select(staged_tables.c.lease_id).where(
        staged_tables.c.lease_id == uuid.UUID(lease_id), staged_tables.c.purpose == REJECTS
    )
    return await connection.scalar(query) is not None


def staged_from(row: RowMapping, prefix: str = "") -> StagedTable:
    """What was staged, of columns whose names begin with the prefix."""
    return StagedTable(
        table=row[f"{prefix}table_name"],
        table_uuid=row[f"{prefix}table_uuid"],
        base_snapshot_id=row[f"{prefix}base_snapshot_id"],
        staged_snapshot_id=row[f"{prefix}staged_snapshot_id"],
        records_added=row[f"{prefix}records_added"],
    )


def parameters(staged: StagedTable, rejects: Rejects | None) -> dict[str, Any]:
    """Both, as the statements take them; NULLs for what there is none of."""
    other = rejects.staged if rejects else None
    return {
        "table_name": staged.table,
        "table_uuid": staged.table_uuid,
        "base_snapshot_id": staged.base_snapshot_id,
        "staged_snapshot_id": staged.staged_snapshot_id,
        "records_added": staged.records_added,
        "records_rejected": list(rejects.records) if rejects else None,
        "rejects_table_name": other and other.table,
        "rejects_table_uuid": other and other.table_uuid,
        "rejects_base_snapshot_id": other and other.base_snapshot_id,
        "rejects_staged_snapshot_id": other and other.staged_snapshot_id,
        "rejects_records_added": other and other.records_added,
    }
