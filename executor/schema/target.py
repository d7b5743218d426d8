"""What a table becomes for columns, and how files are read for it then. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql.types import StructType

from executor.schema.changes import Policy
from executor.schema.evolve import reconcile
from executor.schema.reconcile import SchemaMismatch, fit
from executor.schema.words import Change, OnSchemaChange

_APPEND = Policy(on_schema_change=OnSchemaChange.APPEND_NEW_COLUMNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`read` has the names of the files and the types of the table that the `changes` make, or why it takes nothing."""

    read: StructType
    changes: tuple[Change, ...] = ()
    mismatch: str = ""


def target_of(columns: StructType, table: StructType | None, *, may_change: bool) -> Target:
    """What loading these columns makes of the table; None when there is none yet, so that it will have just them."""
    if table is None:
        return Target(read=columns)
    told = reconcile(columns, table, _APPEND) if may_change else None
    changes = told.changes if told else ()
    try:
        return Target(read=fit(columns, told.columns if told else table).read, changes=changes)
    except SchemaMismatch as mismatch:
        return Target(read=columns, mismatch=str(mismatch))
