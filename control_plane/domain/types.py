"""SQL types as trees: how each is spelled, and which of them holds all values of another."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What format version 2 of Iceberg allows a column to become: https://iceberg.apache.org/spec/#schema-evolution
_PROMOTIONS = {("int", "bigint"), ("float", "double")}


@dataclass(frozen=True, slots=True)
class Atom:
    """A type without parts, by its name."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Decimal:
    """Numbers of so many digits, `scale` of them behind the point."""

    precision: int
    scale: int

    def __str__(self) -> str:
        return f"decimal({self.precision},{self.scale})"


@dataclass(frozen=True, slots=True)
class Array:
    """Lists of one type."""

    element: Type

    def __str__(self) -> str:
        return f"array<{self.element}>"


@dataclass(frozen=True, slots=True)
class Map:
    """Values of one type by strings."""

    value: Type

    def __str__(self) -> str:
        return f"map<string,{self.value}>"


@dataclass(frozen=True, slots=True)
class Field:
    """A part of a struct by its exact name."""

    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Struct:
    """Fields, no two of which differ by the case of their names alone."""

    fields: tuple[Field, ...]

    def __str__(self) -> str:
        return f"struct<{','.join(f'{quoted(field.name)}:{field.type}' for field in self.fields)}>"


Type: TypeAlias = Atom | Decimal | Array | Map | Struct


def quoted(name: str) -> str:
    """A name as it stands in a type or a path: in backquotes unless it is made of letters, digits and `_`."""
    return name if _PLAIN_NAME.fullmatch(name) else "`" + name.replace("`", "``") + "`"


def widens(narrow: Type, wide: Type) -> bool:
    """Whether a column of the one type may become the other, which holds all its values and more."""
    match narrow, wide:
        case Atom(), Atom():
            return (narrow.name, wide.name) in _PROMOTIONS
        case Decimal(), Decimal():
            return narrow.scale == wide.scale and narrow.precision < wide.precision
        case _:
            return False
