"""Reads decimals as text first: Spark rounds what has more digits than its column, without a word."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, DecimalType, MapType, StringType, StructField, StructType

from executor.readers.leaves import any_inexact, has_decimals, without_commas
from executor.sql import quoted


def with_decimals(schema: StructType, options: Mapping[str, str]) -> StructType:
    """The columns in which decimals are to be exact: those that have any, unless the reader's options have a locale."""
    is_left_to_spark = "locale" in options
    return StructType([field for field in schema if has_decimals(field.dataType) and not is_left_to_spark])


def as_text(schema: StructType) -> StructType:
    """The schema with a string in place of each decimal."""
    return StructType([StructField(field.name, _as_text(field.dataType)) for field in schema])


def as_read(schema: StructType, options: Mapping[str, str]) -> StructType:
    """The schema with a string in place of each decimal; as it is where the reader's options have a locale.

    Only Spark knows the signs of a locale, so numbers are its own to read then.
    """
    return schema if "locale" in options else as_text(schema)


def exact(
    rows: DataFrame,
    schema: StructType,
    *,
    rejected: str,
    options: Mapping[str, str],
    raw: Column | None = None,
    is_empty_null: bool = False,
) -> DataFrame:
    """Rows with the schema's decimals, of rows as they were read; rejects those with one that its column cannot hold.

    `raw` is the text of such a row; unless it is given, what was read of it as JSON.
    """
    inexact = any_inexact(schema, is_empty_null=is_empty_null)
    if inexact is None or "locale" in options:
        return rows
    if raw is None:
        raw = F.to_json(F.struct(*(F.col(quoted(name)) for name in schema.names)))
    rows = rows.withColumn(rejected, F.coalesce(F.col(quoted(rejected)), F.when(inexact, raw)))
    return rows.withColumns(
        {
            field.name: _exact(F.col(quoted(field.name)), field.dataType)
            for field in schema
            if has_decimals(field.dataType)
        }
    )


def _as_text(kind: DataType) -> DataType:
    match kind:
        case DecimalType():
            return StringType()
        case ArrayType():
            return ArrayType(_as_text(kind.elementType))
        case MapType():
            return MapType(kind.keyType, _as_text(kind.valueType))
        case StructType():
            return as_text(kind)
        case _:
            return kind


def _exact(value: Column, kind: DataType) -> Column:
    if not has_decimals(kind):
        return value
    match kind:
        case ArrayType():
            return F.transform(value, lambda element: _exact(element, kind.elementType))
        case MapType():
            return F.transform_values(value, lambda _, inner: _exact(inner, kind.valueType))
        case StructType():
            fields = (_exact(value.getField(field.name), field.dataType).alias(field.name) for field in kind)
            return F.when(value.isNotNull(), F.struct(*fields))
        case _:
            return without_commas(value).try_cast(kind)
