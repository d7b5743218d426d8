"""What the ledger remembers of changes of columns that a person is asked about, and of the files that wait for them."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping, Select, func, select

from control_plane.domain.checks_of_table import check_columns
from control_plane.domain.evolution import EvolutionRule, with_change
from control_plane.domain.filter import Condition, Filter
from control_plane.domain.ingestion import OnSchemaChange, StoredIngestion
from control_plane.domain.run import RunWarning
from control_plane.domain.schema import Change, ChangeKind, ChangeState, Decision, Origin, SchemaChange, WantedChange
from control_plane.errors import NotFound, WrongState
from control_plane.ledger import files, ingestions, rulings, schemas
from control_plane.ledger.conditions import where
from control_plane.ledger.database import Connection
from control_plane.ledger.statements import statement
from control_plane.ledger.tables import files as file_rows
from control_plane.ledger.tables import schema_changes, waiting_files

_COLUMNS = {"state": schema_changes.c.state, "path": schema_changes.c.path}


def held_json(wanted: Sequence[WantedChange], members: Sequence[int]) -> str | None:
    """What files of a lease ask for, as its row keeps it; `members` are the lease's files in its order."""
    asked: dict[str, dict[str, Any]] = {}
    for each in wanted:
        change = each.change
        told = asked.setdefault(
            _key(change),
            {"kind": change.kind, "path": change.path, "old_type": change.old_type, "new_type": change.new_type}
            | {"file_ids": []},
        )
        told["file_ids"] += [members[index] for index in each.files if index < len(members)]
    return json.dumps([{"key": key, **told} for key, told in asked.items() if told["file_ids"]]) if asked else None


def warnings_of(wanted: Sequence[WantedChange]) -> list[RunWarning]:
    """What a run tells of changes that wait."""
    return [
        RunWarning(
            kind="SCHEMA_CHANGE_HELD",
            subject=each.change.path[:500],
            record_count=0,
            message=f"Files have `{each.change.path[:500]}` as {each.change.new_type[:500]}, and the columns do not."
            " They wait until somebody accepts or rejects the change: autoloader schemas.",
        )
        for each in wanted
    ]


async def hold(connection: Connection, ingestion_id: int, lease_id: str) -> None:
    """Lets the files that a lease failed for changes wait for them; those of changes decided by now wait no more."""
    told = await connection.scalars(statement("hold_changes"), {"lease_id": uuid.UUID(lease_id)})
    if decided := list(told):
        await _end_waits(connection, ingestion_id, decided)


async def list_page(
    connection: Connection, stored: StoredIngestion, *, filter: Filter, after: int, limit: int
) -> list[SchemaChange]:
    """Up to `limit` changes with ids above `after`, as they were found."""
    query = (
        _select(stored.ingestion_id)
        .where(schema_changes.c.change_id > after)
        .where(where(filter, _COLUMNS.__getitem__))
        .order_by(schema_changes.c.change_id)
        .limit(limit)
    )
    return [_change(row) for row in (await connection.execute(query)).mappings()]


async def held(connection: Connection, stored: StoredIngestion, *, limit: int) -> list[SchemaChange]:
    """The changes that wait, as they were found."""
    waits = Condition("state", "=", ChangeState.HELD)
    return await list_page(connection, stored, filter=waits, after=0, limit=limit)


async def get(connection: Connection, stored: StoredIngestion, change_id: int) -> SchemaChange:
    """The change of that ingestion; raises NotFound."""
    query = _select(stored.ingestion_id).where(schema_changes.c.change_id == change_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        name = f"ingestions/{stored.ingestion.id}/schemaChanges/{change_id}"
        raise NotFound(f"{name} does not exist.", name=name)
    return _change(row)


async def decide(connection: Connection, stored: StoredIngestion, change_id: int, decision: Decision) -> SchemaChange:
    """Does what a person says of a change that is held, and lets its files go on; raises NotFound or WrongState."""
    await files.lock_active_run(connection, stored.ingestion_id)
    stored = await ingestions.get_by_key(connection, stored.ingestion_id, lock=True)
    found = await get(connection, stored, change_id)
    version = None
    if decision is Decision.ACCEPT and found.state is ChangeState.HELD:
        version = await _apply(connection, stored, found.change)
    decided = await connection.execute(
        statement("decide_change"),
        {"ingestion_id": stored.ingestion_id, "change_id": change_id, "version": version},
    )
    if decided.one_or_none() is None:
        raise WrongState(
            f"ingestions/{stored.ingestion.id}/schemaChanges/{change_id} is {found.state}; only one HELD is decided.",
            state=found.state,
        )
    await _end_waits(connection, stored.ingestion_id, [change_id])
    return await get(connection, stored, change_id)


async def _apply(connection: Connection, stored: StoredIngestion, change: Change) -> int:
    """Makes the change part of the columns; returns the version that has it. Raises WrongState when it does not fit."""
    former = await schemas.in_force(connection, stored)
    rule = EvolutionRule(
        on_schema_change=OnSchemaChange.APPEND_NEW_COLUMNS,
        fixed={name.lower() for name in stored.ingestion.fixed_columns},
    )
    try:
        columns = with_change(former.columns, change)
    except ValueError as error:
        raise WrongState(f"The change does not fit version {former.version}: {error}. Reject it.") from error
    if columns == former.columns:
        return former.version
    if refusals := list(rule.refusals([change])):
        raise WrongState(f"{refusals[0]}. Declare it otherwise with UpdateIngestion, or reject the change.")
    if violations := list(check_columns(columns, field="columns")):
        raise WrongState(f"With the change, the list of columns {violations[0].description}. Reject it.")
    made = await schemas.store(
        connection, stored.ingestion_id, stored.ingestion, former=former, columns=columns, origin=Origin.ACCEPTED
    )
    return made.version


async def _end_waits(connection: Connection, ingestion_id: int, change_ids: Sequence[int]) -> None:
    """Takes up the files that waited for these changes and wait for no other."""
    free = await connection.scalars(statement("end_waits"), {"ingestion_id": ingestion_id, "change_ids": change_ids})
    await rulings.take_up(connection, ingestion_id, list(free))


def _key(change: Change) -> str:
    """What makes two changes one: the same place, in whatever case, and the same type."""
    return hashlib.sha256(f"{change.path.lower()}\0{change.new_type}".encode()).hexdigest()


def _select(ingestion_id: int) -> Select[Any]:
    waiting = (
        select(func.count())
        .where(
            waiting_files.c.ingestion_id == schema_changes.c.ingestion_id,
            waiting_files.c.change_id == schema_changes.c.change_id,
            # Not those that somebody retried, or skipped, in the meantime.
            file_rows.c.ingestion_id == waiting_files.c.ingestion_id,
            file_rows.c.file_id == waiting_files.c.file_id,
            file_rows.c.state == "FAILED",
        )
        .scalar_subquery()
    )
    return select(schema_changes, waiting.label("file_count")).where(schema_changes.c.ingestion_id == ingestion_id)


def _change(row: RowMapping) -> SchemaChange:
    return SchemaChange(
        change=Change(
            kind=ChangeKind(row["kind"]), path=row["path"], old_type=row["old_type"], new_type=row["new_type"]
        ),
        state=ChangeState(row["state"]),
        create_time=row["create_time"],
        change_id=row["change_id"],
        file_id=row["file_id"],
        run_id=row["run_id"],
        version=row["version"],
        file_count=row["file_count"],
        resolve_time=row["resolve_time"],
    )
