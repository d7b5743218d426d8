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

from executor.schema.types import DEPTH_MAX

_LONG = range(-(2**63), 2**63)
# More than the type of any column names (see evolve): it is refused with these as it would be with all.
_FIELDS_WITHIN_MAX = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """The fields of a file, by their exact names, and the number of records that have each of the outermost ones."""

    columns: StructType
    counts: Mapping[str, int] = field(default_factory=dict)


NO_FIELDS = Fields(columns=StructType())


def of_records(records: Iterable[Mapping[str, Any]]) -> Fields:
    """What is of several types in one place is a string, as text of any type can be."""
    columns: dict[str, DataType] = {}
    counts: dict[str, int] = {}
    for record in records:
        for name, value in record.items():
            columns[name] = united(columns.get(name, NullType()), _type_of(value, depth=1))
            counts[name] = counts.get(name, 0) + (value is not None)
    return Fields(columns=_struct(columns), counts=counts)


def of_table(table: pyarrow.Table) -> Fields:
    """Of a table as Arrow reads it from JSON."""
    columns = [StructField(column.name, _spark_type(column.type)) for column in table.schema]
    counts = {name: table.num_rows - table[name].null_count for name in table.column_names}
    return Fields(columns=StructType(columns), counts=counts)


def all_of(parts: Iterable[Fields]) -> Fields:
    """The fields of a file of which these are parts."""
    columns: dict[str, DataType] = {}
    counts: dict[str, int] = {}
    for part in parts:
        for one in part.columns:
            columns[one.name] = united(columns.get(one.name, NullType()), one.dataType)
        for name, count in part.counts.items():
            counts[name] = counts.get(name, 0) + count
    return Fields(columns=_struct(columns), counts=counts)


def united(one: DataType, other: DataType) -> DataType:
    """The type of values of which some are of the one and some of the other."""
    if one == other or isinstance(other, NullType):
        return one
    match one, other:
        case NullType(), _:
            return other
        case StructType(), StructType():
            fields = {each.name: each.dataType for each in one}
            is_full = len(fields) >= _FIELDS_WITHIN_MAX
            news = {
                each.name: united(fields.get(each.name, NullType()), each.dataType)
                for each in other
                if not is_full or each.name in fields
            }
            is_known = all(fields.get(name) is kind for name, kind in news.items())
            return one if is_known else _struct(fields | news)
        case ArrayType(), ArrayType():
            return ArrayType(united(one.elementType, other.elementType))
        case (LongType(), DoubleType()) | (DoubleType(), LongType()):
            return DoubleType()
        case _:
            return StringType()


def _struct(fields: Mapping[str, DataType]) -> StructType:
    return StructType([StructField(name, kind) for name, kind in fields.items()])


def _type_of(value: object, *, depth: int = 0) -> DataType:
    """`depth` types are around the value; what would nest too deep in them is text."""
    match value:
        case None:
            return NullType()
        case bool():
            return BooleanType()
        case int():
            return LongType() if value in _LONG else StringType()
        case float():
            return DoubleType()
        case Mapping() | list() if depth >= DEPTH_MAX:
            return StringType()
        case Mapping():
            return StructType([StructField(name, _type_of(inner, depth=depth + 1)) for name, inner in value.items()])
        case list():
            element: DataType = NullType()
            for inner in value:
                element = united(element, _type_of(inner, depth=depth + 1))
            return ArrayType(element)
        case _:
            return StringType()


def _spark_type(kind: pyarrow.DataType, *, depth: int = 1) -> DataType:
    """Of those that Arrow takes JSON for; times are text in JSON, and so is what nests too deep."""
    if depth > DEPTH_MAX:
        return StringType()
    if pyarrow.types.is_null(kind):
        return NullType()
    if pyarrow.types.is_boolean(kind):
        return BooleanType()
    if pyarrow.types.is_integer(kind):
        return LongType()
    if pyarrow.types.is_floating(kind):
        return DoubleType()
    if pyarrow.types.is_struct(kind):
        return StructType([StructField(inner.name, _spark_type(inner.type, depth=depth + 1)) for inner in kind])
    if pyarrow.types.is_list(kind):
        return ArrayType(_spark_type(kind.value_type, depth=depth + 1))
    return StringType()
