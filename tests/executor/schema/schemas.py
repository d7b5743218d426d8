"""Random columns for laws about them: few names, so that they meet; every type that files and tables have."""

from __future__ import annotations

from hypothesis import strategies as st
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    ByteType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    MapType,
    NullType,
    ShortType,
    StringType,
    StructField,
    StructType,
)

NAMES = ("id", "Id", "name", "Tags", "tags", "a.b", "ä")
LEAVES: tuple[DataType, ...] = (
    *(BooleanType(), ByteType(), ShortType(), IntegerType(), LongType(), FloatType(), DoubleType()),
    *(DecimalType(5, 2), DecimalType(10, 2), DecimalType(10, 3), DateType(), StringType(), NullType()),
)


def structs(kinds: st.SearchStrategy[DataType], *, least: int = 0) -> st.SearchStrategy[StructType]:
    """Structs in which no two names differ by case alone."""
    fields = st.lists(
        st.tuples(st.sampled_from(NAMES), kinds), min_size=least, max_size=4, unique_by=lambda field: field[0].lower()
    )
    return fields.map(struct)


def struct(fields: list[tuple[str, DataType]]) -> StructType:
    return StructType([StructField(name, kind) for name, kind in fields])


KINDS: st.SearchStrategy[DataType] = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.one_of(
        structs(inner, least=1),
        inner.map(ArrayType),
        inner.map(lambda value: MapType(StringType(), value)),
    ),
    max_leaves=6,
)
SCHEMAS = structs(KINDS)
