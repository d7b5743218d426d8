"""A sealed table: it has rows of leases that the ledger does not know, so nobody can say what is loaded."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import select

from control_plane.domain.lease import Holding, LeaseState
from control_plane.errors import TableSealed
from control_plane.ledger.database import Connection
from control_plane.ledger.tables import ingestions, leases


async def refuse_sealed(connection: Connection, holding: Holding, *, table: str, unknown: Sequence[uuid.UUID]) -> None:
    """Raises TableSealed for the lease's holder; one who lost the lease is not concerned."""
    ingestion = await connection.scalar(
        select(ingestions.c.id)
        .join(leases, leases.c.ingestion_id == ingestions.c.ingestion_id)
        .where(
            leases.c.lease_id == uuid.UUID(holding.lease_id),
            leases.c.fence == holding.fence,
            leases.c.attempt == uuid.UUID(holding.attempt),
            leases.c.state == LeaseState.HELD,
        )
    )
    if ingestion is not None:
        raise TableSealed(
            f"{table} has rows of leases that this ledger does not know, such as {unknown[0]}: it was restored from an"
            f" old backup, or another ledger loads into the table. Run `autoloader reconcile {ingestion}`.",
            table=table,
            ingestion=f"ingestions/{ingestion}",
            leases=", ".join(map(str, unknown)),
        )
