"""Those who lost a lease: how they are told, counted, and kept apart from those who repeat themselves."""

from __future__ import annotations

import uuid

from sqlalchemy import select, update

from control_plane.domain.lease import Holding, LeaseState
from control_plane.errors import LeaseFenced
from control_plane.ledger.database import Connection
from control_plane.ledger.tables import ingestion_totals, leases, runs


async def lock_run(connection: Connection, lease_id: str) -> int | None:
    """Locks the lease's run before the lease, the order in which everybody takes the two; returns its key."""
    run_id: int | None = await connection.scalar(
        select(runs.c.run_id)
        .join(leases, leases.c.run_id == runs.c.run_id)
        .where(leases.c.lease_id == uuid.UUID(lease_id))
        .with_for_update(of=runs)
    )
    return run_id


async def fenced_unless(connection: Connection, holding: Holding, *states: LeaseState) -> None:
    """Lets a repeated call pass when the lease still stands where the first one put it under this attempt."""
    same = await connection.scalar(
        select(leases.c.lease_id).where(
            leases.c.lease_id == uuid.UUID(holding.lease_id),
            leases.c.attempt == uuid.UUID(holding.attempt),
            leases.c.state.in_(states),
        )
    )
    if same is None:
        raise await fenced(connection, holding.lease_id)


async def fenced(connection: Connection, lease_id: str) -> LeaseFenced:
    await count_fenced(connection, lease_id)
    return LeaseFenced(f"Lease {lease_id} has moved on; forget it.", lease=lease_id)


async def count_fenced(connection: Connection, lease_id: str) -> None:
    await connection.execute(
        update(ingestion_totals)
        .where(
            ingestion_totals.c.ingestion_id
            == select(leases.c.ingestion_id).where(leases.c.lease_id == uuid.UUID(lease_id)).scalar_subquery()
        )
        .values(leases_fenced=ingestion_totals.c.leases_fenced + 1)
    )
