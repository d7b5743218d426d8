"""What the ledger remembers of an ingestion's columns: a version for each change of them, of which the newest holds.

Whoever stores one holds the lock of the ingestion's row, so that versions follow one another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import insert, select

from control_plane.domain.checks_of_table import check_columns
from control_plane.domain.evolution import EvolutionRule, absent, differences, together, with_hints
from control_plane.domain.ingestion import (
    Column,
    Ingestion,
    OnSchemaChange,
    SchemaCheck,
    SchemaPolicy,
    StoredIngestion,
)
from control_plane.domain.schema import Change, ChangeState, ColumnsInForce, Origin, Proposal
from control_plane.errors import InvalidField, Violation
from control_plane.ledger.database import Connection
from control_plane.ledger.tables import schema_changes, schema_versions

CHANGES_KEPT = 1_000
IGNORED_FIELDS_MAX = 1_000
NO_COLUMNS = ColumnsInForce(columns=(), version=0)


async def declare(connection: Connection, ingestion_id: int, ingestion: Ingestion) -> None:
    """Makes the columns that a person declares the version that holds; with none declared, what holds stays."""
    former = await _newest(connection, ingestion_id)
    if ingestion.columns and ingestion.columns != former.columns:
        await store(
            connection, ingestion_id, ingestion, former=former, columns=ingestion.columns, origin=Origin.DECLARED
        )


async def refuse_hints(connection: Connection, stored: StoredIngestion, changed: Ingestion) -> None:
    """Raises InvalidField for a new hint to a column that is there already with another type, which no hint changes."""
    holding = await in_force(connection, stored)
    types = {column.name.lower(): column.type for column in holding.columns}
    if violations := [
        Violation(
            f"ingestion.schema.hints[{position}]",
            f'"{hint.name}" is a column of type {types[hint.name.lower()]} since files showed it, and stays one',
        )
        for position, hint in enumerate(changed.schema.hints)
        if hint not in stored.ingestion.schema.hints and types.get(hint.name.lower(), hint.type) != hint.type
    ]:
        raise InvalidField(*violations)


async def refuse_metadata_columns(connection: Connection, stored: StoredIngestion, changed: Ingestion) -> None:
    """Raises InvalidField for a new metadata column by the name of a column that files fill."""
    holding = await in_force(connection, stored)
    names = {column.name.lower() for column in holding.columns}
    if violations := [
        Violation(
            f"ingestion.destination.metadata_columns[{position}].name",
            f'"{column.name}" is a column since files showed it; choose another name',
        )
        for position, column in enumerate(changed.destination.metadata_columns)
        if column not in stored.ingestion.destination.metadata_columns and column.name.lower() in names
    ]:
        raise InvalidField(*violations)


async def propose(
    connection: Connection,
    stored: StoredIngestion,
    proposal: Proposal,
    *,
    run_id: int,
    shown_by: Mapping[str, int],
) -> ColumnsInForce:
    """Stores the columns as the next version unless others hold by now than they start from; returns those that hold.

    `shown_by` has the file that first shows a path. Raises InvalidField when the ingestion does not allow a change.
    """
    former = await in_force(connection, stored)
    if proposal.base_version != former.version:
        return former
    hints = stored.ingestion.schema.hints
    columns = _joined(former.columns, with_hints(proposal.columns, hints, known=former.columns))
    if columns == former.columns:
        return former
    if former.columns:
        await _refuse(connection, stored, differences(former.columns, columns))
    return await store(
        connection,
        stored.ingestion_id,
        stored.ingestion,
        former=former,
        columns=columns,
        origin=Origin.EVOLVED if former.columns else Origin.INFERRED,
        run_id=run_id,
        shown_by=shown_by,
    )


async def in_force(connection: Connection, stored: StoredIngestion) -> ColumnsInForce:
    """The columns of the newest version; those declared when there is none."""
    newest = await _newest(connection, stored.ingestion_id)
    return newest if newest.version else ColumnsInForce(columns=stored.ingestion.columns, version=0)


async def ignored_fields(connection: Connection, ingestion_id: int, columns: Sequence[Column]) -> tuple[str, ...]:
    """The paths that a person rejected, without those that the columns have after all."""
    rejected = await connection.scalars(
        select(schema_changes.c.path)
        .where(schema_changes.c.ingestion_id == ingestion_id, schema_changes.c.state == ChangeState.REJECTED)
        .order_by(schema_changes.c.change_id.desc())
        .limit(IGNORED_FIELDS_MAX)
    )
    return tuple(absent(columns, list(rejected)))


async def store(
    connection: Connection,
    ingestion_id: int,
    ingestion: Ingestion,
    *,
    former: ColumnsInForce,
    columns: tuple[Column, ...],
    origin: Origin,
    run_id: int | None = None,
    shown_by: Mapping[str, int] | None = None,
) -> ColumnsInForce:
    """Makes the columns the version after the former one; the caller has locked the ingestion."""
    changes = differences(former.columns, columns) if former.columns else ()
    await connection.execute(
        insert(schema_versions).values(
            ingestion_id=ingestion_id,
            version=former.version + 1,
            columns=[asdict(column) for column in columns],
            origin=origin,
            on_schema_change=ingestion.on_schema_change,
            run_id=run_id,
            changes=[
                asdict(change) | {"file_id": (shown_by or {}).get(change.path)} for change in changes[:CHANGES_KEPT]
            ],
            change_count=len(changes),
        )
    )
    return ColumnsInForce(columns=columns, version=former.version + 1)


def policy_from(document: Mapping[str, Any] | None) -> SchemaPolicy:
    """The policy in an ingestion's configuration; one that is older than policies has none."""
    if document is None:
        return SchemaPolicy()
    policy, check = document["on_schema_change"], document["schema_check"]
    return SchemaPolicy(
        hints=tuple(Column(**hint) for hint in document["hints"]),
        on_schema_change=OnSchemaChange(policy) if policy else None,
        schema_check=SchemaCheck(check) if check else None,
    )


async def _newest(connection: Connection, ingestion_id: int) -> ColumnsInForce:
    row = (
        await connection.execute(
            select(schema_versions.c.version, schema_versions.c.columns)
            .where(schema_versions.c.ingestion_id == ingestion_id)
            .order_by(schema_versions.c.version.desc())
            .limit(1)
        )
    ).one_or_none()
    if row is None:
        return NO_COLUMNS
    return ColumnsInForce(columns=tuple(Column(**column) for column in row.columns), version=row.version)


def _joined(columns: tuple[Column, ...], offered: tuple[Column, ...]) -> tuple[Column, ...]:
    try:
        joined = together(columns, offered)
    except ValueError as error:
        raise InvalidField(Violation("columns", f"do not fit those that hold: {error}")) from error
    if violations := list(check_columns(joined, field="columns")):
        raise InvalidField(*violations)
    return joined


async def _refuse(connection: Connection, stored: StoredIngestion, changes: Sequence[Change]) -> None:
    rejected = await ignored_fields(connection, stored.ingestion_id, ())
    rule = EvolutionRule(
        on_schema_change=stored.ingestion.on_schema_change,
        fixed={name.lower() for name in stored.ingestion.fixed_columns},
        rejected={path.lower() for path in rejected},
    )
    if refusals := [Violation("columns", reason) for reason in rule.refusals(changes)]:
        raise InvalidField(*refusals)
