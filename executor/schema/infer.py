"""Guesses columns from sample records. Pure; never a type that would lose a value it has seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from executor.lease import UnknownField
from executor.schema.types import DEPTH_MAX
from executor.schema.words import Column
from executor.sql import quoted

_LONG = range(-(2**63), 2**63)
# Beyond this a double no longer holds every integer.
_EXACT_IN_DOUBLE = range(-(2**53), 2**53 + 1)
# A column of another spelling of the same name would be one with it in a table.
_FIELDS_MAX = 2000


@dataclass(slots=True)
class _Seen:
    """What was seen in one place of the records; several kinds in one place make it a string."""

    kinds: set[str] = field(default_factory=set)
    fields: dict[str, _Seen] = field(default_factory=dict)
    element: _Seen | None = None
    has_inexact_integer: bool = False

    def add(self, value: Any, *, depth: int = 0) -> None:
        """`depth` types are around the value; what would nest too deep in them is text."""
        match value:
            case None:
                pass
            case bool():
                self.kinds.add("boolean")
            case int():
                self.kinds.add("bigint" if value in _LONG else "string")
                self.has_inexact_integer |= value not in _EXACT_IN_DOUBLE
            case float():
                self.kinds.add("double" if value - value == 0 else "string")
            case Mapping() | list() if depth >= DEPTH_MAX:
                self.kinds.add("string")
            case Mapping():
                self.kinds.add("struct")
                for name, inner in value.items():
                    self.fields.setdefault(name, _Seen()).add(inner, depth=depth + 1)
            case list():
                self.kinds.add("array")
                self.element = self.element or _Seen()
                for inner in value:
                    self.element.add(inner, depth=depth + 1)
            case _:
                self.kinds.add("string")

    @property
    def sql_type(self) -> str:
        if self.kinds == {"bigint", "double"} and not self.has_inexact_integer:
            return "double"
        if len(self.kinds) != 1:
            return "string"
        (kind,) = self.kinds
        if kind == "array" and self.element is not None:
            return f"array<{self.element.sql_type}>"
        if kind == "struct":
            return self._struct_type()
        return kind

    def _struct_type(self) -> str:
        columns = _distinct(self.fields)
        # A struct of nothing cannot be stored; as text nothing of it is lost.
        inner = ", ".join(f"{quoted(name)}: {seen.sql_type}" for name, seen in columns.items())
        return f"struct<{inner}>" if inner else "string"


def infer(records: Iterable[Mapping[str, Any]]) -> tuple[Column, ...]:
    """Columns of the records, in the order of their first appearance; none of none.

    Integers become bigint, or string beyond 64 bits; numbers with a point double; mixtures string.
    Of two names that differ by case only the first is kept: a table has room for one.
    """
    seen = _Seen()
    for record in records:
        seen.add(record)
    return tuple(Column(name=name, type=inner.sql_type) for name, inner in _distinct(seen.fields).items())


def unknown_fields(records: Iterable[Mapping[str, Any]], columns: Sequence[Column]) -> tuple[UnknownField, ...]:
    """Top-level fields of the records that no column has, with the number of records that do."""
    known = {column.name for column in columns}
    counts: dict[str, int] = {}
    for record in records:
        for name in record.keys() - known:
            counts[name] = counts.get(name, 0) + 1
    return tuple(UnknownField(path=name, record_count=count) for name, count in sorted(counts.items()))


def _distinct(fields: Mapping[str, _Seen]) -> dict[str, _Seen]:
    kept: dict[str, str] = {}
    for name in fields:
        kept.setdefault(name.lower(), name)
    return {name: fields[name] for name in list(kept.values())[:_FIELDS_MAX]}
