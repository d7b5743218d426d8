"""Finds fields whose names differ from those of columns by case alone, where readers find exact names only. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from pyspark.sql.types import ArrayType, DataType, MapType, StructType

from executor.schema.types import path_within


def misspelled(seen: StructType, columns: StructType, *, path: str = "") -> Iterator[tuple[str, str]]:
    """Paths in a file, each with the name that the columns have for the last part of it."""
    known = {column.name.lower(): column for column in columns}
    for field in seen:
        column = known.get(field.name.lower())
        if column is None:
            continue
        inner = path_within(path, field.name)
        if column.name != field.name:
            yield inner, column.name
        yield from _within(field.dataType, column.dataType, path=inner)


def _within(seen: DataType, column: DataType, *, path: str) -> Iterator[tuple[str, str]]:
    match seen, column:
        case StructType(), StructType():
            yield from misspelled(seen, column, path=path)
        case ArrayType(), ArrayType():
            yield from _within(seen.elementType, column.elementType, path=path_within(path, "element"))
        case StructType(), MapType():
            for field in seen:
                yield from _within(field.dataType, column.valueType, path=path_within(path, "value"))
        case _:
            return
