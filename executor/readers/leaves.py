"""Looks into rows for values that Spark put there in place of what it could not read."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from operator import or_

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, DecimalType, DoubleType, FloatType, MapType, StringType, StructType

from executor.sql import quoted

_FLOATING = (DoubleType, FloatType)
_REPLACEMENT = "\ufffd"
_FRACTION = r"\.([0-9]*?)0*(?:[eE].*)?$"
_EXPONENT = r"[eE]([+-]?[0-9]+)$"
Test = Callable[[Column, DataType], Column]


def any_infinity(schema: StructType) -> Column | None:
    """Whether a floating-point number anywhere in a row is infinite; None where there can be none."""
    return _any(schema, _FLOATING, lambda value, _: F.abs(value) == float("inf"))


def any_replacement(schema: StructType) -> Column | None:
    """Whether a string anywhere in a row has the character that stands for bytes which are no text."""
    return _any(schema, (StringType,), lambda value, _: F.contains(value, F.lit(_REPLACEMENT)))


def any_inexact(schema: StructType, *, is_empty_null: bool) -> Column | None:
    """Whether the text of a decimal anywhere in a row is no number that its type holds with all its digits."""
    return _any(schema, (DecimalType,), partial(_is_inexact, is_empty_null=is_empty_null))


def has_inexact(texts: Column, kind: StructType) -> Column:
    """The same of a struct of texts, which would be of this type if they were numbers."""
    return _any_in(texts, kind, (DecimalType,), partial(_is_inexact, is_empty_null=False))


def has_decimals(kind: DataType) -> bool:
    return _has(kind, (DecimalType,))


def can_overflow(kind: DataType) -> bool:
    """Whether Spark, left alone, may read a number of the type as another one: an infinite, or a rounded one."""
    return _has(kind, (*_FLOATING, DecimalType))


def without_commas(number: Column) -> Column:
    """A number as Spark reads it, which takes commas for signs between thousands."""
    return F.replace(number, F.lit(","))


def _is_inexact(text: Column, kind: DataType, *, is_empty_null: bool) -> Column:
    assert isinstance(kind, DecimalType)
    is_there = text != "" if is_empty_null else text.isNotNull()
    number = without_commas(text)
    exponent = F.coalesce(F.regexp_extract(number, _EXPONENT, 1).try_cast("int"), F.lit(0))
    digits = F.length(F.regexp_extract(number, _FRACTION, 1)) - exponent
    return is_there & (number.try_cast(kind).isNull() | (digits > kind.scale))


def _any(schema: StructType, kinds: tuple[type[DataType], ...], test: Test) -> Column | None:
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


def _any_in(value: Column, kind: DataType, kinds: tuple[type[DataType], ...], test: Test) -> Column:
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
            inside = test(value, kind)
    return F.coalesce(inside, F.lit(False))
