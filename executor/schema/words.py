"""The words of columns: what they are, what files do to them, and what may become of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column by its exact name and its SQL type in Spark's spelling, such as `array<bigint>`."""

    name: str
    type: str


class OnSchemaChange(StrEnum):
    """What to do with what files have and the columns lack; the names of `SchemaPolicy.OnSchemaChange`."""

    APPEND_NEW_COLUMNS = "APPEND_NEW_COLUMNS"
    IGNORE = "IGNORE"
    FAIL = "FAIL"


class SchemaCheck(StrEnum):
    """How thoroughly to search files for what the columns lack; the names of `SchemaPolicy.SchemaCheck`."""

    FULL = "FULL"
    SAMPLE = "SAMPLE"
    OFF = "OFF"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaTerms:
    """The version of the columns and what may become of them; what a control plane without terms of its own does.

    `hints` are types for fields that are no columns yet, `fixed_columns` names of columns that no file changes, and
    `ignored_fields` paths of fields that a person rejected.
    """

    version: int = 0
    on_schema_change: OnSchemaChange = OnSchemaChange.IGNORE
    check: SchemaCheck = SchemaCheck.SAMPLE
    hints: tuple[Column, ...] = ()
    fixed_columns: tuple[str, ...] = ()
    ignored_fields: tuple[str, ...] = ()


class ChangeKind(StrEnum):
    """What files do to columns; names of `SchemaChange.Kind`."""

    ADDED = "ADDED"
    WIDENED = "WIDENED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of the column or field at `path`; types as SQL spells them, `old_type` empty for what is added."""

    kind: ChangeKind
    path: str
    new_type: str
    old_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnsInForce:
    """The columns that hold for an ingestion, and their version; 0 from a control plane that knows no versions."""

    columns: tuple[Column, ...]
    version: int


# Proposes all columns, with the version that they were made of and the file that first shows each change.
Evolve = Callable[[tuple[Column, ...], int, Mapping[Change, int]], ColumnsInForce]
