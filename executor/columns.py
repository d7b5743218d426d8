"""Columns between the two ways to have them: as the ledger and the wire do, and as Spark does."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from pyspark.sql.types import DataType, StructType

from executor.schema.reconcile import sql_type
from executor.schema.words import Column
from executor.sql import quoted


def as_struct(columns: Iterable[Column]) -> StructType:
    ddl = ", ".join(f"{quoted(column.name)} {column.type}" for column in columns)
    return _parsed(ddl) if ddl else StructType()


def columns_of(schema: StructType) -> tuple[Column, ...]:
    return tuple(Column(name=field.name, type=sql_type(field.dataType)) for field in schema)


@lru_cache(maxsize=64)
def _parsed(ddl: str) -> StructType:
    """It asks the JVM each time, for the same columns as the last."""
    schema = DataType.fromDDL(ddl)
    assert isinstance(schema, StructType)
    return schema
