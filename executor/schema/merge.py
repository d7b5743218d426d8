"""Makes one set of columns of those of several files. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from pyspark.sql.types import ArrayType, DataType, MapType, StructField, StructType

from executor.schema.reconcile import fits


def merge(files: Iterable[StructType]) -> StructType:
    """All columns, in the order of their first appearance, each of the widest of its types.

    Names compare without regard to case, and the first spelling stays. Where a type and the next
    one have no wider one in common, the first stays: the file of the other does not fit.
    """
    merged: dict[str, StructField] = {}
    for columns in files:
        for field in columns:
            known = merged.get(field.name.lower())
            kind = _wider(known.dataType, field.dataType) if known else field.dataType
            merged[field.name.lower()] = StructField(known.name if known else field.name, kind)
    return StructType(list(merged.values()))


def _wider(one: DataType, other: DataType) -> DataType:
    match one, other:
        case StructType(), StructType():
            return merge([one, other])
        case ArrayType(), ArrayType():
            return ArrayType(_wider(one.elementType, other.elementType))
        case MapType(), MapType():
            return MapType(_wider(one.keyType, other.keyType), _wider(one.valueType, other.valueType))
        case _:
            return other if fits(one, other) else one
