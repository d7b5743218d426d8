"""Looks into rows for values that Spark put there in place of what it could not read."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import or_

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, DoubleType, FloatType, MapType, StringType, StructType

from executor.sql import quoted

_FLOATING = (DoubleType, FloatType)
_REPLACEMENT = "\ufffd"


def any_infinity(schema: StructType) -> Column | None:
    """Whether a floating-point number anywhere in a row is infinite; None where there can be none."""
    return _any(schema, _FLOATING, lambda value: F.abs(value) == float("inf"))


def any_replacement(schema: StructType) -> Column | None:
    """Whether a string anywhere in a row has the character that stands for bytes which are no text."""
    return _any(schema, (StringType,), lambda value: F.contains(value, F.lit(_REPLACEMENT)))


def can_overflow(kind: DataType) -> bool:
    """Whether a value of the type has floating-point numbers in it."""
    return _has(kind, _FLOATING)


def _any(schema: StructType, kinds: tuple[type[DataType], ...], test: Callable[[Column], Column]) -> Column | None:
    found = [
        _any_in(F.col(quoted(field.name)), field.dataType, kinds, test)
        for field in schema
        if _has(field.dataType, kinds)
    ]
    return reduce(or_, found) if found else None


def _has(kind: DataType, kinds: tuple[type[DataType], ...]) -> bool:
    match kind:
        case ArrayType():
            return _has(kind.elementType, kinds)
        case MapType():
            return _has(kind.valueType, kinds) or _has(kind.keyType, kinds)
        case StructType():
            return any(_has(field.dataType, kinds) for field in kind)
        case _:
            return isinstance(kind, kinds)


def _any_in(
    value: Column, kind: DataType, kinds: tuple[type[DataType], ...], test: Callable[[Column], Column]
) -> Column:
    """Whether a leaf anywhere in the value passes the test; all of them are of the kinds."""

    def within(inner: Column, kind: DataType) -> Column:
        return _any_in(inner, kind, kinds, test) if _has(kind, kinds) else F.lit(False)

    match kind:
        case ArrayType():
            inside = F.exists(value, lambda element: within(element, kind.elementType))
        case MapType():
            values = F.exists(F.map_values(value), lambda element: within(element, kind.valueType))
            keys = F.exists(F.map_keys(value), lambda element: within(element, kind.keyType))
            inside = F.coalesce(values, F.lit(False)) | F.coalesce(keys, F.lit(False))
        case StructType():
            inside = reduce(or_, [within(value.getField(field.name), field.dataType) for field in kind])
        case _:
            inside = test(value)
    return F.coalesce(inside, F.lit(False))
