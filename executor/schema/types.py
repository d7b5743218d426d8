"""Types of files against types of columns: what a table keeps, what is narrower, and how deep it goes. Pure."""

from __future__ import annotations

import re

from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    ByteType,
    CharType,
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
    TimestampNTZType,
    TimestampType,
    VarcharType,
)

# How deep types nest at most, a column without parts being 1: deeper parts are text in files without types.
DEPTH_MAX = 32

_KEPT_AS: dict[type[DataType], DataType] = {
    ByteType: IntegerType(),
    ShortType: IntegerType(),
    CharType: StringType(),
    VarcharType: StringType(),
}
_KEPT = (
    *(BooleanType, IntegerType, LongType, FloatType, DoubleType, DecimalType),
    *(DateType, TimestampType, TimestampNTZType, StringType, BinaryType),
)
_PART = re.compile(r"`((?:[^`]|``)+)`|([^.`]+)")
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class NotKept(ValueError):
    """A table has no such type; `kind` is the part that it has none for."""

    def __init__(self, kind: DataType) -> None:
        super().__init__(f"no table has the type {kind.simpleString()}")
        self.kind = kind


def kept(kind: DataType) -> DataType | None:
    """The type in which a table keeps such values; None when nothing is known of them, since all are NULL.

    Fields of which nothing is known are left out of structs. Raises NotKept.
    """
    match kind:
        case NullType():
            return None
        case StructType():
            known = [(field.name, inner) for field in kind if (inner := kept(field.dataType)) is not None]
            return StructType([StructField(name, inner) for name, inner in known]) if known else None
        case ArrayType():
            element = kept(kind.elementType)
            return ArrayType(element) if element is not None else None
        case MapType():
            return _kept_map(kind)
        case _ if type(kind) in _KEPT_AS:
            return _KEPT_AS[type(kind)]
        case _ if isinstance(kind, _KEPT):
            return kind
        case _:
            raise NotKept(kind)


def _kept_map(kind: MapType) -> DataType | None:
    if not isinstance(kind.keyType, StringType | CharType | VarcharType | NullType):
        raise NotKept(kind)
    value = kept(kind.valueType)
    return MapType(StringType(), value) if value is not None else None


def is_same(one: DataType, other: DataType) -> bool:
    """Whether two types without parts are one, however long their strings may be."""
    return one == other or (isinstance(one, StringType) and isinstance(other, StringType))


def widens(narrow: DataType, wide: DataType) -> bool:
    """Whether a column of the one type may become the other, by format version 2 of Iceberg; of kept types.

    https://iceberg.apache.org/spec/#schema-evolution
    """
    if isinstance(narrow, DecimalType) and isinstance(wide, DecimalType):
        return narrow.scale == wide.scale and narrow.precision < wide.precision
    return (type(narrow), type(wide)) in ((IntegerType, LongType), (FloatType, DoubleType))


def depth(kind: DataType) -> int:
    """How many types stand within each other: 1 for one without parts."""
    match kind:
        case StructType():
            return 1 + max((depth(field.dataType) for field in kind), default=0)
        case ArrayType():
            return 1 + depth(kind.elementType)
        case MapType():
            return 1 + depth(kind.valueType)
        case _:
            return 1


def path_within(path: str, part: str) -> str:
    """The path of a part, as Spark's ALTER TABLE and the ledger name it: names that are not plain in backquotes."""
    part = part if _PLAIN_NAME.fullmatch(part) else "`" + part.replace("`", "``") + "`"
    return f"{path}.{part}" if path else part


def split_path(path: str) -> list[str]:
    """The names in a path."""
    return [quoted.replace("``", "`") or plain for quoted, plain in _PART.findall(path)]
