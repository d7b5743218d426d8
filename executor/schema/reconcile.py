"""Fits the columns of files to those of a table. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql.types import (
    ArrayType,
    ByteType,
    DataType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    MapType,
    ShortType,
    StructField,
    StructType,
)

from executor.schema.words import Column
from executor.sql import quoted

_WIDENINGS: dict[type[DataType], tuple[type[DataType], ...]] = {
    ByteType: (ShortType, IntegerType, LongType),
    ShortType: (IntegerType, LongType),
    IntegerType: (LongType,),
    FloatType: (DoubleType,),
}
_NOTHING = StructType()


class SchemaMismatch(ValueError):
    """The files' columns do not fit the table's; the message names each that does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How files are read for a table: `read` has the files' names and the table's types.

    `sources` has for each column of the table the name it is read under, or None for NULL; of columns beside those of
    the files, their own name.
    """

    read: StructType
    table: StructType
    sources: tuple[str | None, ...]

    @property
    def is_as_read(self) -> bool:
        """Whether the rows are already those of the table."""
        return list(self.sources) == self.table.names == self.read.names


def fit(files: StructType, table: StructType, *, beside: StructType = _NOTHING) -> Fit:
    """Raises SchemaMismatch when a column of the files is not in the table, or would not fit it.

    Those `beside` are other columns of the rows, which no file has, and which fit the very same type alone.
    """
    columns = {field.name.lower(): field for field in table}
    problems = [
        *_problems(files, {field.name: columns.get(field.name.lower()) for field in files}),
        *_doubles(files),
        *_unfit_beside(beside, columns),
        *_required(table),
    ]
    if problems:
        raise SchemaMismatch("; ".join(problems))
    read = [StructField(field.name, columns[field.name.lower()].dataType) for field in files]
    read_as = {field.name.lower(): field.name for field in (*files, *beside)}
    return Fit(
        read=StructType(read),
        table=table,
        sources=tuple(read_as.get(field.name.lower()) for field in table),
    )


def adopt(guessed: Sequence[Column], table: StructType) -> tuple[Column, ...]:
    """Columns to read for a table that is there: its own, spelled as the records spell them.

    Fields that the table lacks are left out. Raises SchemaMismatch when that leaves none.
    """
    spelled = {column.name.lower(): column.name for column in reversed(guessed)}
    if not any(field.name.lower() in spelled for field in table):
        names = ", ".join(f"`{column.name}`" for column in guessed[:10])
        raise SchemaMismatch(f"none of the files' fields is in the table: {names}")
    return tuple(
        Column(name=spelled.get(field.name.lower(), field.name), type=sql_type(field.dataType)) for field in table
    )


def sql_type(kind: DataType) -> str:
    """A type as SQL spells it, with names inside it quoted."""
    match kind:
        case StructType():
            fields = (f"{quoted(field.name)}: {sql_type(field.dataType)}" for field in kind)
            return f"struct<{', '.join(fields)}>"
        case ArrayType():
            return f"array<{sql_type(kind.elementType)}>"
        case MapType():
            return f"map<{sql_type(kind.keyType)}, {sql_type(kind.valueType)}>"
        case _:
            return kind.simpleString()


def _problems(files: StructType, columns: Mapping[str, StructField | None], *, path: str = "") -> Iterator[str]:
    for field in files:
        column = columns.get(field.name)
        if column is None:
            yield f"`{path}{field.name}` is not in the table"
        else:
            yield from _misfits(field.dataType, column.dataType, name=f"{path}{field.name}")


def _misfits(files: DataType, table: DataType, *, name: str) -> Iterator[str]:
    match files, table:
        case StructType(), StructType():
            # Inside a column readers find fields by their exact names only.
            yield from _problems(files, {inner.name: inner for inner in table}, path=f"{name}.")
        case ArrayType(), ArrayType():
            yield from _misfits(files.elementType, table.elementType, name=f"{name}[]")
        case MapType(), MapType():
            yield from _misfits(files.keyType, table.keyType, name=f"{name} keys")
            yield from _misfits(files.valueType, table.valueType, name=f"{name} values")
        case _ if not _fits(files, table):
            found, wanted = files.simpleString(), table.simpleString()
            yield f"`{name}` is {found} in the files and {wanted} in the table"


def _unfit_beside(beside: StructType, columns: Mapping[str, StructField]) -> Iterator[str]:
    for field in beside:
        column = columns.get(field.name.lower())
        if column is None:
            yield f"the metadata column `{field.name}` is not in the table"
        elif column.dataType != field.dataType:
            wanted, found = field.dataType.simpleString(), column.dataType.simpleString()
            yield f"the metadata column `{field.name}` is {wanted} and {found} in the table: give it another name"


def _doubles(files: StructType) -> Iterator[str]:
    seen: set[str] = set()
    for name in files.names:
        if name.lower() in seen:
            yield f"`{name}` is there twice, in different case"
        seen.add(name.lower())


def _required(table: StructType) -> Iterator[str]:
    for column in table:
        if not column.nullable:
            yield f"`{column.name}` may not be NULL in the table, and may be missing in files"


def _fits(files: DataType, table: DataType) -> bool:
    if isinstance(files, DecimalType) and isinstance(table, DecimalType):
        whole = table.precision - table.scale >= files.precision - files.scale
        return whole and table.scale >= files.scale
    return files == table or type(table) in _WIDENINGS.get(type(files), ())
