"""What records and tables of Arrow show of fields: their names and types, and how many records have each. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DoubleType,
    LongType,
    NullType,
    StringType,
    StructField,
    StructType,
)

_LONG = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """The fields of a file, by their exact names, and the number of records that have each of the outermost ones."""

    columns: StructType
    counts: Mapping[str, int] = field(default_factory=dict)


NO_FIELDS = Fields(columns=StructType())


def of_records(records: Iterable[Mapping[str, Any]]) -> Fields:
    """What is of several types in one place is a string, as text of any type can be."""
    columns: DataType = StructType()
    counts: dict[str, int] = {}
    for record in records:
        columns = united(columns, _type_of(record))
        for name, value in record.items():
            counts[name] = counts.get(name, 0) + (value is not None)
    assert isinstance(columns, StructType)
    return Fields(columns=columns, counts=counts)


def of_table(table: pyarrow.Table) -> Fields:
    """Of a table as Arrow reads it from JSON."""
    columns = [StructField(column.name, _spark_type(column.type)) for column in table.schema]
    counts = {name: table.num_rows - table[name].null_count for name in table.column_names}
    return Fields(columns=StructType(columns), counts=counts)


def all_of(parts: Iterable[Fields]) -> Fields:
    """The fields of a file of which these are parts."""
    columns: DataType = StructType()
    counts: dict[str, int] = {}
    for part in parts:
        columns = united(columns, part.columns)
        for name, count in part.counts.items():
            counts[name] = counts.get(name, 0) + count
    assert isinstance(columns, StructType)
    return Fields(columns=columns, counts=counts)


def united(one: DataType, other: DataType) -> DataType:
    """The type of values of which some are of the one and some of the other."""
    if one == other or isinstance(other, NullType):
        return one
    match one, other:
        case NullType(), _:
            return other
        case StructType(), StructType():
            fields = {each.name: each.dataType for each in one}
            for each in other:
                fields[each.name] = united(fields.get(each.name, NullType()), each.dataType)
            return StructType([StructField(name, kind) for name, kind in fields.items()])
        case ArrayType(), ArrayType():
            return ArrayType(united(one.elementType, other.elementType))
        case (LongType(), DoubleType()) | (DoubleType(), LongType()):
            return DoubleType()
        case _:
            return StringType()


def _type_of(value: object) -> DataType:
    match value:
        case None:
            return NullType()
        case bool():
            return BooleanType()
        case int():
            return LongType() if value in _LONG else StringType()
        case float():
            return DoubleType()
        case Mapping():
            return StructType([StructField(name, _type_of(inner)) for name, inner in value.items()])
        case list():
            element: DataType = NullType()
            for inner in value:
                element = united(element, _type_of(inner))
            return ArrayType(element)
        case _:
            return StringType()


def _spark_type(kind: pyarrow.DataType) -> DataType:
    """Of those that Arrow takes JSON for; times are text in JSON."""
    if pyarrow.types.is_null(kind):
        return NullType()
    if pyarrow.types.is_boolean(kind):
        return BooleanType()
    if pyarrow.types.is_integer(kind):
        return LongType()
    if pyarrow.types.is_floating(kind):
        return DoubleType()
    if pyarrow.types.is_struct(kind):
        return StructType([StructField(inner.name, _spark_type(inner.type)) for inner in kind])
    if pyarrow.types.is_list(kind):
        return ArrayType(_spark_type(kind.value_type))
    return StringType()
