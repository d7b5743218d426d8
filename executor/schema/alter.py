"""The statements that give a table the columns of its ingestion. Pure."""

from __future__ import annotations

from pyspark.sql.types import StructType

from executor.schema.changes import Policy
from executor.schema.evolve import reconcile
from executor.schema.reconcile import SchemaMismatch
from executor.schema.types import split_path
from executor.schema.words import Change, ChangeKind, OnSchemaChange
from executor.sql import quoted

_APPEND = Policy(on_schema_change=OnSchemaChange.APPEND_NEW_COLUMNS)


def alterations(columns: StructType, table: StructType, *, table_sql: str) -> tuple[str, ...]:
    """What to execute, in this order, for the table to hold the columns; nothing when it does.

    They only add and widen, so that whoever finds some of them done goes on with the rest: another executor, or the
    next attempt. Raises SchemaMismatch when the table cannot hold the columns; then nothing is to be executed.
    """
    told = reconcile(columns, table, _APPEND)
    if told.conflicts:
        raise SchemaMismatch("; ".join(conflict.message for conflict in told.conflicts))
    added = [f"{_path(change)} {change.new_type}" for change in told.changes if change.kind is ChangeKind.ADDED]
    widened = [
        f"ALTER TABLE {table_sql} ALTER COLUMN {_path(change)} TYPE {change.new_type}"
        for change in told.changes
        if change.kind is ChangeKind.WIDENED
    ]
    return (*widened, *([f"ALTER TABLE {table_sql} ADD COLUMNS ({', '.join(added)})"] if added else []))


def _path(change: Change) -> str:
    return ".".join(map(quoted, split_path(change.path)))
