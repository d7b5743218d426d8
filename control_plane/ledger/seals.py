"""Tables that take nothing of a run.

A sealed one has rows of leases that the ledger does not know, so nobody can say what is loaded. One that was dropped
and created again in the middle of a run is not the one that the run was to load into.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import select

from control_plane.domain.lease import Holding, LeaseState, StagedTable
from control_plane.errors import TableReplaced, TableSealed
from control_plane.ledger.database import Connection
from control_plane.ledger.tables import ingestions, leases


async def refuse_sealed(connection: Connection, holding: Holding, *, table: str, unknown: Sequence[uuid.UUID]) -> None:
    """Raises TableSealed for the lease's holder; one who lost the lease is not concerned."""
    ingestion = await _ingestion_of(connection, holding)
    if ingestion is not None:
        raise TableSealed(
            f"{table} has rows of leases that this ledger does not know, such as {unknown[0]}: it was restored from an"
            f" old backup, or another ledger loads into the table. Run `autoloader reconcile {ingestion}`.",
            table=table,
            ingestion=f"ingestions/{ingestion}",
            leases=", ".join(map(str, unknown)),
        )


async def refuse_replaced(connection: Connection, holding: Holding, *, staged: StagedTable, former_uuid: str) -> None:
    """Raises TableReplaced for the lease's holder; one who lost the lease is not concerned."""
    ingestion = await _ingestion_of(connection, holding)
    if ingestion is not None:
        raise TableReplaced(
            f"{staged.table} was dropped and created again while the run loaded into it. What the run loaded before is"
            f" gone with the former table; `autoloader audit {ingestion}` names it. The next run loads the rest into"
            " the new one.",
            table=staged.table,
            ingestion=f"ingestions/{ingestion}",
            table_uuid=staged.table_uuid,
            former_table_uuid=former_uuid,
        )


async def _ingestion_of(connection: Connection, holding: Holding) -> str | None:
    """Name of the ingestion whose lease is held so; None when the lease has moved on."""
    name: str | None = await connection.scalar(
        select(ingestions.c.id)
        .join(leases, leases.c.ingestion_id == ingestions.c.ingestion_id)
        .where(
            leases.c.lease_id == uuid.UUID(holding.lease_id),
            leases.c.fence == holding.fence,
            leases.c.attempt == uuid.UUID(holding.attempt),
            leases.c.state == LeaseState.HELD,
        )
    )
    return name
