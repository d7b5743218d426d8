"""A list's filter as a tree, already checked against the fields that the list has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

Operator = Literal["=", "!=", "<", "<=", ">", ">=", ":"]


@dataclass(frozen=True, slots=True)
class Condition:
    """`field operator value`: a text has the value in it by `:`, as `labels` has a key. `labels.KEY` is a label."""

    field: str
    operator: Operator
    value: str | int | datetime


@dataclass(frozen=True, slots=True)
class Not:
    """True where the other is not."""

    negated: Filter


@dataclass(frozen=True, slots=True)
class All:
    """True where every one is; with none, everywhere."""

    parts: tuple[Filter, ...] = ()


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True where one is."""

    parts: tuple[Filter, ...]


Filter: TypeAlias = Condition | Not | All | AnyOf
EVERYTHING = All()
