"""What the ledger remembers of inferred schemas: the first one proposed for an ingestion holds for all its leases."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from control_plane.domain.ingestion import Column
from control_plane.ledger.database import Connection
from control_plane.ledger.tables import schema_versions


async def propose(connection: Connection, ingestion_id: int, columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """Stores the columns as the first version unless there is one; returns those that hold."""
    await connection.execute(
        insert(schema_versions)
        .values(ingestion_id=ingestion_id, version=1, columns=[asdict(column) for column in columns])
        .on_conflict_do_nothing()
    )
    return await current(connection, ingestion_id)


async def current(connection: Connection, ingestion_id: int) -> tuple[Column, ...]:
    """The columns of the newest version, empty when there is none."""
    stored = await connection.scalar(
        select(schema_versions.c.columns)
        .where(schema_versions.c.ingestion_id == ingestion_id)
        .order_by(schema_versions.c.version.desc())
        .limit(1)
    )
    return tuple(Column(**column) for column in stored or ())
