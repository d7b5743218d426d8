"""What can be said about a table that is to be written, and about its columns, without asking the catalog."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from control_plane.domain.columns import check_names, parse_type
from control_plane.domain.format import FormatKind
from control_plane.domain.ingestion import Column, Destination
from control_plane.domain.tried import tried
from control_plane.errors import Violation

COLUMNS_MAX = 10_000
# Columns travel with every lease, beside 2 MiB of file names, in a message of 4 MiB.
COLUMNS_BYTES_MAX = 1024**2
PROPERTIES_MAX = 100
PROPERTY_CHARACTERS_MAX = 1_000

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# Properties by the start of their name, and why they are not the user's to set.
_REFUSED_PROPERTIES = {
    "write.wap.": "rows would be staged by another protocol than Autoloader's",
    "commit.retry.": "Autoloader sets it, so that publications succeed beside other writers",
    "history.expire.": "Autoloader sets it: a table has to remember what it holds",
    "write.metadata.delete-after-commit.": "Autoloader sets it",
    "write.data.path": "files belong to the table's own location",
    "write.metadata.path": "files belong to the table's own location",
    "write.object-storage.path": "files belong to the table's own location",
    "write.folder-storage.path": "files belong to the table's own location",
    "write.location-provider.impl": "it would load a class of the user's into the executors",
    "encryption.": "executors have no keys for it",
    "autoloader.": "the prefix is Autoloader's own",
    "provider": "Spark reserves it",
    "location": "Spark reserves it",
    "owner": "Spark reserves it",
    "external": "Spark reserves it",
    "is_managed_location": "Spark reserves it",
}


def check_destination(destination: Destination) -> Iterator[Violation]:
    """Yields what is wrong with the name and the properties of a table."""
    parts = destination.table.split(".")
    if len(parts) not in (2, 3) or not all(re.fullmatch(r"\w{1,255}", p, re.ASCII) for p in parts):
        yield Violation(
            "destination.table",
            f'"{destination.table}" is no table; write catalog.namespace.table or namespace.table, '
            "each of letters, digits and `_`",
        )
    if len(destination.table_properties) > PROPERTIES_MAX:
        count = len(destination.table_properties)
        yield Violation("destination.table_properties", f"has {count} entries; at most {PROPERTIES_MAX} fit")
    for name, value in destination.table_properties.items():
        yield from _check_property(name, value)


def _check_property(name: str, value: str) -> Iterator[Violation]:
    field = "destination.table_properties"
    if not re.fullmatch(r"[\w.-]{1,255}", name, re.ASCII):
        yield Violation(field, f"{name!r} is no name of a property")
    if len(value) > PROPERTY_CHARACTERS_MAX or _CONTROL.search(value):
        yield Violation(
            field,
            f'the value of "{name}" is longer than {PROPERTY_CHARACTERS_MAX} characters, or has a control character',
        )
    for start, reason in _REFUSED_PROPERTIES.items():
        if name == start or (start.endswith(".") and name.startswith(start)):
            yield Violation(field, f'"{name}" cannot be set: {reason}')


def check_columns(columns: tuple[Column, ...], *, field: str) -> Iterator[Violation]:
    """Yields what is wrong with the columns in `field`. Names are those of the files: only NUL cannot be kept."""
    size = sum(len(f"{column.name}{column.type}".encode()) for column in columns)
    if len(columns) > COLUMNS_MAX or size > COLUMNS_BYTES_MAX:
        yield Violation(
            field,
            f"has {len(columns)} columns of {size} bytes; at most {COLUMNS_MAX} and {COLUMNS_BYTES_MAX} bytes fit",
        )
        return
    for position, column in enumerate(columns):
        if "\0" in column.name + column.type:
            yield Violation(f"{field}[{position}]", "has a NUL, which no column can be named with")
        yield from tried(f"{field}[{position}].type", partial(parse_type, column.type))
    yield from tried(field, lambda: check_names(column.name for column in columns))


def check_columns_of(kind: FormatKind, columns: tuple[Column, ...], *, field: str) -> Iterator[Violation]:
    """Yields what is wrong with columns in `field` that files of this kind can never fill."""
    for position, column in enumerate(columns):
        if kind is FormatKind.CSV and re.match(r"\s*(array|map|struct|binary)\b", column.type, re.IGNORECASE):
            yield Violation(f"{field}[{position}].type", f'csv has no values of type "{column.type[:100]}"; use string')
        if kind is FormatKind.TEXT and (column.name, column.type.lower()) != ("value", "string"):
            yield Violation(f"{field}[{position}]", f'text has one column, "value" of type string, not "{column.name}"')


def check_hints(hints: tuple[Column, ...], columns: tuple[Column, ...], *, field: str) -> Iterator[Violation]:
    """Yields what is wrong with hints in `field`, for an ingestion with these columns declared."""
    yield from check_columns(hints, field=field)
    declared = {column.name.lower() for column in columns}
    for position, hint in enumerate(hints):
        if hint.name.lower() in declared:
            yield Violation(f"{field}[{position}]", f'"{hint.name}" is declared; give its type in one of both places')


def normalize_columns(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """Spells the types of checked columns in their one way."""
    return tuple(Column(name=column.name, type=parse_type(column.type)) for column in columns)
