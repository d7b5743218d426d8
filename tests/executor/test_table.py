"""What we ask of an Iceberg table, asked of a real one."""

from __future__ import annotations

import pytest
from pyspark.sql.types import (
    ArrayType,
    DataType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    MapType,
    StringType,
    StructType,
)

from executor import table as tables
from executor.schema.alter import alterations
from executor.schema.reconcile import sql_type
from executor.sql import quoted
from executor.table import TableName, table_name
from tests.executor.lake import CATALOG, Lake
from tests.executor.schema.schemas import struct

X: list[tuple[str, DataType]] = [("x", IntegerType())]
BEFORE = struct(
    [
        *(("id", IntegerType()), ("price", DecimalType(5, 2)), ("rate", FloatType()), ("a", struct(X))),
        ("l", ArrayType(struct(X))),
        ("m", MapType(StringType(), struct(X))),
    ]
)
MORE = struct([("X", LongType()), ("order", StringType()), ("a.b", ArrayType(struct(X)))])
WANTED = struct(
    [
        *(("M", MapType(StringType(), MORE)), ("L", ArrayType(MORE)), ("A", MORE), ("ID", LongType())),
        *(
            ("price", DecimalType(9, 2)),
            ("rate", DoubleType()),
            ("select", MORE),
            ("c`d", ArrayType(MORE)),
            ("ä", MORE),
        ),
    ]
)


@pytest.fixture
def table(lake: Lake) -> TableName:
    """A table with columns of every shape, and a row."""
    lake.sql(f"CREATE NAMESPACE {CATALOG}.{lake.table.split('.')[0]}")
    definitions = ", ".join(f"{quoted(field.name)} {sql_type(field.dataType)}" for field in BEFORE)
    lake.sql(f"CREATE TABLE {{t}} ({definitions}) USING iceberg")
    lake.sql(
        "INSERT INTO {t} SELECT 1, 2.5, 0.5, struct(3), array(struct(4)), map('k', struct(5))",
    )
    return table_name(lake.table, default_catalog=CATALOG)


def schema_of(lake: Lake) -> StructType:
    return lake.sessions.loader.table(lake.sql_name).schema


def altered(lake: Lake, table: TableName) -> tuple[str, ...]:
    """Alters the table to have the columns that are wanted; what is left to do afterwards."""
    tables.alter(lake.sessions.loader, alterations(WANTED, schema_of(lake), table_sql=table.sql))
    return alterations(WANTED, schema_of(lake), table_sql=table.sql)


def test_a_table_takes_every_change_that_columns_can_make(lake: Lake, table: TableName) -> None:
    assert altered(lake, table) == ()
    assert schema_of(lake).names == [*BEFORE.names, "select", "c`d", "ä"]
    (row,) = lake.sql("SELECT id, a.x, l[0].x, m['k'].x, m['k'].order, `c``d` FROM {t}")
    assert tuple(row) == (1, 3, 4, 5, None, None)


def test_changes_that_another_made_are_no_hindrance(lake: Lake, table: TableName) -> None:
    before = alterations(WANTED, schema_of(lake), table_sql=table.sql)
    lake.sql("ALTER TABLE {t} ADD COLUMN a.order string")
    tables.alter(lake.sessions.loader, before)
    assert altered(lake, table) == ()
