"""Fitting the columns of files to those of a table."""

from __future__ import annotations

import pytest
from pyspark.sql.types import (
    ArrayType,
    DecimalType,
    DoubleType,
    IntegerType,
    LongType,
    MapType,
    StringType,
    StructType,
)

from executor.schema.reconcile import SchemaMismatch, adopt, fit, sql_type
from executor.schema.words import Column


def test_files_are_read_under_their_names_with_the_tables_types() -> None:
    files = StructType().add("Id", IntegerType()).add("name", StringType())
    table = StructType().add("name", StringType()).add("id", LongType()).add("more", StringType())
    fitted = fit(files, table)
    assert fitted.read == StructType().add("Id", LongType()).add("name", StringType())
    assert fitted.sources == ("name", "Id", None)


@pytest.mark.parametrize(
    ("files", "table", "message"),
    [
        (StructType().add("x", LongType()), StructType().add("y", LongType()), "`x` is not in"),
        (
            StructType().add("x", LongType()),
            StructType().add("x", IntegerType()),
            "`x` is bigint in the files and int in the table",
        ),
        (
            StructType().add("x", LongType()),
            StructType().add("x", DoubleType()),
            "bigint in the files and double",
        ),
        (
            StructType().add("x", DecimalType(10, 2)),
            StructType().add("x", DecimalType(10, 3)),
            "decimal",
        ),
        (
            StructType().add("x", StructType().add("A", LongType())),
            StructType().add("x", StructType().add("a", LongType())),
            "`x.A` is not in",
        ),
        (
            StructType().add("x", ArrayType(StringType())),
            StructType().add("x", ArrayType(LongType())),
            r"`x\[\]` is string",
        ),
        (
            StructType().add("x", LongType()).add("X", LongType()),
            StructType().add("x", LongType()),
            "different case",
        ),
        (StructType(), StructType().add("x", LongType(), nullable=False), "may not be NULL"),
    ],
)
def test_what_does_not_fit_is_named(files: StructType, table: StructType, message: str) -> None:
    with pytest.raises(SchemaMismatch, match=message):
        fit(files, table)


def test_widening_and_missing_inner_fields_fit() -> None:
    files = StructType().add("x", StructType().add("a", IntegerType())).add("d", DecimalType(8, 2))
    inner = StructType().add("a", LongType()).add("b", StringType())
    table = StructType().add("x", inner).add("d", DecimalType(10, 2))
    assert fit(files, table).read == table


def test_a_table_that_is_there_gives_its_columns_to_what_was_guessed() -> None:
    guessed = [Column(name="ID", type="string"), Column(name="new", type="string")]
    table = StructType().add("id", LongType()).add("other", StringType())
    assert adopt(guessed, table) == (
        Column(name="ID", type="bigint"),
        Column(name="other", type="string"),
    )


def test_files_with_no_field_of_the_table_do_not_fit() -> None:
    with pytest.raises(SchemaMismatch, match="`x`"):
        adopt([Column(name="x", type="string")], StructType().add("id", LongType()))


def test_types_are_spelled_with_their_names_quoted() -> None:
    kind = MapType(StringType(), ArrayType(StructType().add("a b", LongType())))
    assert sql_type(kind) == "map<string, array<struct<`a b`: bigint>>>"
