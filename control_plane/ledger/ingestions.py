"""What the ledger remembers of ingestions: their configuration, and that an id was ever taken."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, exists, func, insert, select
from sqlalchemy import update as update_table
from sqlalchemy.dialects.postgresql import insert as insert_unless_taken

from control_plane.domain.filter import Filter
from control_plane.domain.ingestion import (
    Ingestion,
    IngestionState,
    StoredIngestion,
)
from control_plane.errors import AlreadyExists, NotFound, RunActive, WrongState
from control_plane.ledger import schemas
from control_plane.ledger.conditions import where
from control_plane.ledger.configs import config_of, configured, sealed_of
from control_plane.ledger.database import Connection
from control_plane.ledger.tables import ingestion_totals, ingestions, leases, runs


async def create(connection: Connection, ingestion: Ingestion) -> StoredIngestion:
    """Stores a new ingestion; raises AlreadyExists for an id that is, or ever was, taken."""
    key = await _insert(connection, ingestion)
    if key is None:
        raise AlreadyExists(
            f"ingestions/{ingestion.id} exists, or existed and was deleted; choose another id.",
            name=f"ingestions/{ingestion.id}",
        )
    await connection.execute(insert(ingestion_totals).values(ingestion_id=key))
    await schemas.declare(connection, key, ingestion)
    return await get(connection, ingestion.tenant, ingestion.id)


async def get(connection: Connection, tenant: str, ingestion: str, *, lock: bool = False) -> StoredIngestion:
    """The ingestion of that id; `lock` keeps its row from others until the transaction ends. Raises NotFound."""
    query = _select().where(ingestions.c.tenant == tenant, ingestions.c.id == ingestion)
    if lock:
        query = query.with_for_update(of=ingestions)
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"ingestions/{ingestion} does not exist.", name=f"ingestions/{ingestion}")
    return _stored(row)


async def get_by_key(connection: Connection, ingestion_id: int, *, lock: bool = False) -> StoredIngestion:
    """The ingestion of that key; `lock` lets nobody else lock it or change its columns until the transaction ends."""
    query = _select().where(ingestions.c.ingestion_id == ingestion_id)
    if lock:
        # Rows that refer to it may be written all the while, by those who hold what we may wait for.
        query = query.with_for_update(of=ingestions, key_share=True)
    return _stored((await connection.execute(query)).mappings().one())


async def list_page(
    connection: Connection,
    tenant: str,
    *,
    filter: Filter,
    after: str,
    limit: int,
) -> list[StoredIngestion]:
    """Up to `limit` ingestions whose id follows `after`, by id."""
    query = (
        _select()
        .where(ingestions.c.tenant == tenant, ingestions.c.id > after)
        .where(where(filter, _column))
        .order_by(ingestions.c.id)
        .limit(limit)
    )
    return [_stored(row) for row in (await connection.execute(query)).mappings()]


async def update(connection: Connection, stored: StoredIngestion, ingestion: Ingestion) -> StoredIngestion:
    """Stores a changed configuration under the next revision; the caller holds the row's lock.

    Raises InvalidField where it does not go with the columns that files have made.
    """
    await schemas.refuse_hints(connection, stored, ingestion)
    await schemas.refuse_metadata_columns(connection, stored, ingestion)
    if ingestion.columns != stored.ingestion.columns:
        await schemas.declare(connection, stored.ingestion_id, ingestion)
    await connection.execute(
        update_table(ingestions)
        .where(ingestions.c.ingestion_id == stored.ingestion_id)
        .values(**_values(ingestion), revision=stored.revision + 1, update_time=func.now())
    )
    return await get(connection, ingestion.tenant, ingestion.id)


async def set_state(connection: Connection, stored: StoredIngestion, state: IngestionState) -> StoredIngestion:
    """Pauses or resumes; what already is so keeps its revision."""
    if stored.ingestion.state is state:
        return stored
    await connection.execute(
        update_table(ingestions)
        .where(ingestions.c.ingestion_id == stored.ingestion_id)
        .values(state=state, revision=stored.revision + 1, update_time=func.now())
    )
    return await get(connection, stored.ingestion.tenant, stored.ingestion.id)


async def delete(connection: Connection, stored: StoredIngestion) -> None:
    """Deletes softly: the id stays taken. Raises RunActive, or WrongState while a lease is unfinished or in doubt."""
    active = await connection.scalar(
        select(runs.c.run_id).where(
            runs.c.ingestion_id == stored.ingestion_id, runs.c.state.in_(["PENDING", "RUNNING"])
        )
    )
    if active is not None:
        raise run_active(stored.ingestion.id, active)
    unfinished = exists().where(
        leases.c.run_id == runs.c.run_id,
        leases.c.state.in_(["OFFERED", "HELD", "STAGED", "IN_DOUBT"]),
    )
    waiting = await connection.scalar(
        select(runs.c.run_id).where(runs.c.ingestion_id == stored.ingestion_id, unfinished).limit(1)
    )
    if waiting is not None:
        name = f"ingestions/{stored.ingestion.id}/runs/{waiting}"
        raise WrongState(
            f"A lease of {name} is unfinished or in doubt; wait for it, or say ResolvePublish first.",
            run=name,
        )
    await connection.execute(
        update_table(ingestions)
        .where(ingestions.c.ingestion_id == stored.ingestion_id)
        .values(delete_time=func.now(), sealed=None)
    )


def run_active(ingestion: str, run_id: int) -> RunActive:
    """The error that names the unfinished run."""
    name = f"ingestions/{ingestion}/runs/{run_id}"
    return RunActive(f"{name} is unfinished; wait for it or cancel it.", run=name)


async def _insert(connection: Connection, ingestion: Ingestion) -> int | None:
    key: int | None = await connection.scalar(
        insert_unless_taken(ingestions)
        .values(tenant=ingestion.tenant, id=ingestion.id, **_values(ingestion))
        .on_conflict_do_nothing()
        .returning(ingestions.c.ingestion_id)
    )
    return key


def _column(field: str) -> ColumnElement[Any]:
    if field.startswith("labels."):
        return func.coalesce(ingestions.c.labels[field.removeprefix("labels.")].astext, "")
    return ingestions.c[field]


def _select() -> Select[Any]:
    last_run = select(func.max(runs.c.run_id)).where(runs.c.ingestion_id == ingestions.c.ingestion_id).scalar_subquery()
    return select(ingestions, last_run.label("last_run_id")).where(ingestions.c.delete_time.is_(None))


def _values(ingestion: Ingestion) -> dict[str, Any]:
    return {
        "display_name": ingestion.display_name,
        "labels": dict(ingestion.labels),
        "state": ingestion.state,
        "pool": ingestion.pool,
        "config": config_of(ingestion),
        "sealed": sealed_of(ingestion),
    }


def _stored(row: RowMapping) -> StoredIngestion:
    return StoredIngestion(
        ingestion_id=row["ingestion_id"],
        revision=row["revision"],
        create_time=row["create_time"],
        update_time=row["update_time"],
        last_run_id=row["last_run_id"],
        ingestion=configured(
            row["config"],
            row["sealed"],
            tenant=row["tenant"],
            id=row["id"],
            display_name=row["display_name"],
            labels=row["labels"],
            state=IngestionState(row["state"]),
            pool=row["pool"],
        ),
    )
