"""The statements that give a table its columns: what they say, and what a real table makes of them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql.types import (
    DataType,
    FloatType,
    IntegerType,
    LongType,
    StringType,
    StructType,
)

from executor.schema.alter import alterations
from executor.schema.reconcile import SchemaMismatch
from executor.schema.types import path_within, split_path
from tests.executor.schema.schemas import NAMES, struct


def columns(**kinds: DataType) -> StructType:
    return struct(list(kinds.items()))


def test_a_table_that_holds_the_columns_is_left_alone() -> None:
    table = columns(id=LongType(), more=StringType())
    assert alterations(columns(ID=IntegerType()), table, table_sql="t") == ()


def test_all_that_is_new_is_one_statement_so_that_it_is_there_or_not() -> None:
    told = alterations(
        struct([("a", columns(x=LongType(), y=LongType())), ("b c", StringType()), ("n", FloatType())]),
        columns(a=columns(x=IntegerType()), n=FloatType()),
        table_sql="`c`.`n`.`t`",
    )
    assert told == (
        "ALTER TABLE `c`.`n`.`t` ALTER COLUMN `a`.`x` TYPE bigint",
        "ALTER TABLE `c`.`n`.`t` ADD COLUMNS (`a`.`y` bigint, `b c` string)",
    )


def test_a_table_that_cannot_hold_a_column_is_not_altered_at_all() -> None:
    with pytest.raises(SchemaMismatch, match="`id` is string"):
        alterations(columns(new=LongType(), id=StringType()), columns(id=LongType()), table_sql="t")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(NAMES) | st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, max_size=4))
def test_a_path_is_split_as_it_was_joined(parts: list[str]) -> None:
    path = ""
    for part in parts:
        path = path_within(path, part)
    assert split_path(path) == parts
