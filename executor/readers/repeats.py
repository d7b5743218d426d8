"""Finds values that are there several times where a column holds one: reads arrays, and looks how long they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import or_

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, StructField, StructType

from executor.sql import quoted


@dataclass(frozen=True, slots=True)
class Repeats:
    """`can_repeat` tells by a field's name whether a record may have it more than once."""

    can_repeat: Callable[[str], bool]

    def widened(self, schema: StructType) -> StructType:
        """The schema with an array of each value that can be repeated."""
        return StructType([StructField(field.name, self._widened_field(field)) for field in schema])

    def any_repeated(self, schema: StructType) -> Column:
        """Whether some value of a row, read with the widened schema, is there more than once and may not be."""
        tests = (self._repeated(F.col(quoted(field.name)), field) for field in schema)
        return reduce(or_, tests, F.lit(False))

    def single(self, value: Column, field: StructField) -> Column:
        """The value as the schema has it, of one read with the widened schema."""
        kind = field.dataType
        if not self.can_repeat(field.name):
            return value
        if isinstance(kind, ArrayType):
            return F.transform(value, lambda element: self._inner(element, kind.elementType))
        return F.get(F.transform(value, lambda element: self._inner(element, kind)), 0)

    def _widened_field(self, field: StructField) -> DataType:
        kind = field.dataType
        if not self.can_repeat(field.name):
            return kind
        element = kind.elementType if isinstance(kind, ArrayType) else kind
        return ArrayType(self.widened(element) if isinstance(element, StructType) else element)

    def _repeated(self, value: Column, field: StructField) -> Column:
        kind = field.dataType
        if not self.can_repeat(field.name):
            return F.lit(False)
        is_array = isinstance(kind, ArrayType)
        element = kind.elementType if isinstance(kind, ArrayType) else kind
        found = F.lit(False) if is_array else F.size(value) > 1
        if isinstance(element, StructType):
            fields = element.fields
            found = found | F.exists(
                value,
                lambda one: reduce(or_, (self._repeated(one.getField(inner.name), inner) for inner in fields)),
            )
        return F.coalesce(found, F.lit(False))

    def _inner(self, element: Column, kind: DataType) -> Column:
        if not isinstance(kind, StructType):
            return element
        fields = (self.single(element.getField(field.name), field).alias(field.name) for field in kind)
        return F.when(element.isNotNull(), F.struct(*fields))
