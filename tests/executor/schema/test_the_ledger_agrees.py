"""The two halves that know how columns change, the executor's and the ledger's, say the same of any file."""

from __future__ import annotations

from hypothesis import given, settings
from pyspark.sql.types import StructType

from control_plane.domain import evolution, schema
from control_plane.domain.columns import parse_type
from control_plane.domain.ingestion import Column
from executor.schema.changes import Policy
from executor.schema.evolve import reconcile
from executor.schema.reconcile import sql_type
from executor.schema.types import kept
from executor.schema.words import Change, OnSchemaChange
from tests.executor.schema.schemas import SCHEMAS

APPEND = Policy(on_schema_change=OnSchemaChange.APPEND_NEW_COLUMNS)


@settings(max_examples=150, deadline=None)
@given(SCHEMAS, SCHEMAS)
def test_the_ledger_makes_of_a_proposal_what_the_executor_meant(seen: StructType, before: StructType) -> None:
    held = kept(before)
    columns = held if isinstance(held, StructType) else StructType()
    told = reconcile(seen, columns, APPEND)
    old, proposed = as_columns(columns), as_columns(told.columns)
    assert evolution.together(old, proposed) == proposed
    assert set(map(of_ledger, evolution.differences(old, proposed))) == set(map(of_executor, told.changes))


@settings(max_examples=150, deadline=None)
@given(SCHEMAS, SCHEMAS)
def test_each_change_that_waits_is_one_that_the_ledger_can_make(seen: StructType, before: StructType) -> None:
    held = kept(before)
    columns = held if isinstance(held, StructType) else StructType()
    told = reconcile(seen, columns, Policy(on_schema_change=OnSchemaChange.FAIL))
    made = as_columns(columns)
    for change in told.wanted:
        kind = schema.ChangeKind(change.kind.value)
        made = evolution.with_change(
            made, schema.Change(kind=kind, path=change.path, new_type=parse_type(change.new_type))
        )
    if told.wanted:
        assert made == as_columns(reconcile(seen, columns, APPEND).columns)


def as_columns(struct: StructType) -> tuple[Column, ...]:
    return tuple(Column(name=field.name, type=parse_type(sql_type(field.dataType))) for field in struct)


def of_ledger(change: schema.Change) -> tuple[str, ...]:
    return (change.kind.value, change.path, change.old_type, change.new_type)


def of_executor(change: Change) -> tuple[str, ...]:
    old_type = parse_type(change.old_type) if change.old_type else ""
    return (change.kind.value, change.path, old_type, parse_type(change.new_type))
