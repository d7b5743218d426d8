"""Finds numbers too large for their type, which Spark reads as infinite."""

from __future__ import annotations

from functools import reduce
from operator import or_

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, DoubleType, FloatType, MapType, StructType

from executor.sql import quoted


def any_infinity(schema: StructType) -> Column | None:
    """Whether a floating-point number anywhere in a row is infinite; None where there can be none."""
    found = [
        _has_infinity(F.col(quoted(field.name)), field.dataType) for field in schema if can_overflow(field.dataType)
    ]
    return reduce(or_, found) if found else None


def can_overflow(kind: DataType) -> bool:
    """Whether a value of the type has floating-point numbers in it."""
    match kind:
        case FloatType() | DoubleType():
            return True
        case ArrayType():
            return can_overflow(kind.elementType)
        case MapType():
            return can_overflow(kind.valueType)
        case StructType():
            return any(can_overflow(field.dataType) for field in kind)
        case _:
            return False


def _has_infinity(value: Column, kind: DataType) -> Column:
    """Whether a floating-point number anywhere in the value is infinite."""
    match kind:
        case ArrayType():
            inside = F.exists(value, lambda element: _has_infinity(element, kind.elementType))
        case MapType():
            inside = F.exists(F.map_values(value), lambda element: _has_infinity(element, kind.valueType))
        case StructType():
            inside = F.lit(False)
            for field in kind:
                if can_overflow(field.dataType):
                    inner = _has_infinity(value.getField(field.name), field.dataType)
                    inside = inside | inner
        case _:
            inside = F.abs(value) == float("inf")
    return F.coalesce(inside, F.lit(False))
