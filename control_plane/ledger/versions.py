"""What the ledger tells of the versions of an ingestion's columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import RowMapping, Select, func, select

from control_plane.domain.ingestion import Column, OnSchemaChange, StoredIngestion
from control_plane.domain.schema import Change, ChangeKind, ChangeState, Origin, SchemaChange, SchemaVersion
from control_plane.errors import NotFound
from control_plane.ledger import changes
from control_plane.ledger.database import Connection
from control_plane.ledger.tables import schema_versions

HELD_SHOWN = 100


async def list_page(
    connection: Connection, stored: StoredIngestion, *, before: int | None, limit: int
) -> list[SchemaVersion]:
    """Up to `limit` versions below `before`, newest first."""
    query = _select(stored).order_by(schema_versions.c.version.desc()).limit(limit)
    if before is not None:
        query = query.where(schema_versions.c.version < before)
    rows = (await connection.execute(query)).mappings().all()
    held = await _held(connection, stored) if before is None else ()
    return [_version(row, held) for row in rows]


async def get(connection: Connection, stored: StoredIngestion, version: int | None) -> SchemaVersion:
    """That version, or the newest; raises NotFound."""
    query = _select(stored).order_by(schema_versions.c.version.desc()).limit(1)
    if version is not None:
        query = query.where(schema_versions.c.version == version)
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        name = f"ingestions/{stored.ingestion.id}/schemaVersions/{version or 'current'}"
        raise NotFound(f"{name} does not exist.", name=name)
    return _version(row, await _held(connection, stored))


def made_change(document: Mapping[str, Any], *, version: int, run_id: int | None, create_time: Any) -> SchemaChange:
    """A change out of the document that its version has of it."""
    return SchemaChange(
        change=Change(
            kind=ChangeKind(document["kind"]),
            path=document["path"],
            old_type=document["old_type"],
            new_type=document["new_type"],
        ),
        state=ChangeState.APPLIED,
        create_time=create_time,
        file_id=document["file_id"],
        run_id=run_id,
        version=version,
    )


async def _held(connection: Connection, stored: StoredIngestion) -> tuple[SchemaChange, ...]:
    return tuple(await changes.held(connection, stored, limit=HELD_SHOWN))


def _select(stored: StoredIngestion) -> Select[Any]:
    newest = (
        select(func.max(schema_versions.c.version))
        .where(schema_versions.c.ingestion_id == stored.ingestion_id)
        .scalar_subquery()
    )
    return select(schema_versions, (schema_versions.c.version == newest).label("is_current")).where(
        schema_versions.c.ingestion_id == stored.ingestion_id
    )


def _version(row: RowMapping, held: tuple[SchemaChange, ...]) -> SchemaVersion:
    return SchemaVersion(
        version=row["version"],
        columns=tuple(Column(**column) for column in row["columns"]),
        origin=Origin(row["origin"]),
        on_schema_change=OnSchemaChange(row["on_schema_change"]),
        create_time=row["create_time"],
        is_current=row["is_current"],
        run_id=row["run_id"],
        changes=tuple(
            made_change(each, version=row["version"], run_id=row["run_id"], create_time=row["create_time"])
            for each in row["changes"]
        ),
        change_count=row["change_count"],
        held_changes=held if row["is_current"] else (),
    )
