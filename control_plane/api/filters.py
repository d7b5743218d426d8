"""Filters of lists: the part of AIP-160 that is `field operator value`, joined by AND."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn

from control_plane.domain.filter import Condition, Operator
from control_plane.errors import InvalidField, Violation

FILTER_CHARACTERS_MAX = 4_000
CONDITIONS_MAX = 50
_INTEGER_MAX = 2**63 - 1
_OPERATORS: dict[str, Operator] = {"=": "=", "!=": "!=", "<": "<", ">": ">"}
_SUPPORTED = "supported are =, !=, < and >, joined by AND"

_FIELD = re.compile(r'[^\s=<>!:()"\']+(?:"(?:[^"\\]|\\.)*")?')
_OPERATOR = re.compile(r"[=<>!:]+")
_VALUE = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|[^\s()"\']+')
_SPACE = re.compile(r"\s*")

Value = str | int | datetime


@dataclass(frozen=True, slots=True)
class Field:
    """What a field can be compared with: `parse` raises ValueError on a value of another type."""

    parse: Callable[[str], Value]
    operators: frozenset[str]


def text() -> Field:
    return Field(str, frozenset({"=", "!="}))


def one_of(*names: str) -> Field:
    def parse(value: str) -> str:
        if value not in names:
            raise ValueError(f"is none of {', '.join(names)}")
        return value

    return Field(parse, frozenset({"=", "!="}))


def integer() -> Field:
    return Field(_integer, frozenset(_OPERATORS))


def time() -> Field:
    return Field(_time, frozenset(_OPERATORS))


def custom(parse: Callable[[str], Value]) -> Field:
    return Field(parse, frozenset({"=", "!="}))


def parse_filter(filter: str, fields: Mapping[str, Field]) -> tuple[Condition, ...]:
    """Gives the conditions of a filter; InvalidField says what in it is wrong and what is supported.

    The key `labels.*` in `fields` stands for every label: `labels.KEY`, or `labels."any key"`.
    """
    if len(filter) > FILTER_CHARACTERS_MAX or "\0" in filter:
        _refuse(f"has a NUL, or more than {FILTER_CHARACTERS_MAX} characters")
    conditions = tuple(_Scanner(filter, fields).conditions())
    if len(conditions) > CONDITIONS_MAX:
        _refuse(f"has {len(conditions)} conditions; at most {CONDITIONS_MAX} fit")
    return conditions


class _Scanner:
    """Reads a filter from left to right; values may hold what elsewhere is an operator: `s3://a`."""

    def __init__(self, filter: str, fields: Mapping[str, Field]) -> None:
        self._filter = filter
        self._fields = fields
        self._position = 0

    def conditions(self) -> Iterator[Condition]:
        self._skip_space()
        while self._position < len(self._filter):
            yield self._condition()
            if self._position == len(self._filter):
                return
            self._join()

    def _condition(self) -> Condition:
        name = self._name()
        field = self._fields["labels.*" if name.startswith("labels.") else name]
        operator = self._operator(name, field)
        value = self._take(_VALUE, f"`{name} {operator}` is followed by no value")
        try:
            return Condition(name, operator, field.parse(_unquoted(value)))
        except ValueError as error:
            _refuse(f"`{name}` cannot be compared with {value}, which {error}")

    def _name(self) -> str:
        name = self._take(_FIELD, f"has `{self._rest()}` where a field belongs")
        if name in ("OR", "NOT") or name.startswith("-"):
            _refuse(f"`{name}` is not supported; {_SUPPORTED}")
        if name.startswith("labels.") and "labels.*" in self._fields:
            key = _unquoted(name.removeprefix("labels."))
            if key:
                return f"labels.{key}"
        if name not in self._fields or name == "labels.*":
            known = ", ".join(self._fields).replace("labels.*", "labels.KEY")
            _refuse(f"the field `{name}` is unknown; known are {known}")
        return name

    def _operator(self, name: str, field: Field) -> Operator:
        found = self._take(_OPERATOR, f"`{name}` is followed by no operator; {_SUPPORTED}")
        operator = _OPERATORS.get(found)
        if operator is None:
            _refuse(f"the operator `{found}` is not supported; {_SUPPORTED}")
        if operator not in field.operators:
            _refuse(f"`{name}` cannot be compared by `{operator}`; use = or !=")
        return operator

    def _join(self) -> None:
        word = self._take(_FIELD, f"`{self._rest()}` is not supported; {_SUPPORTED}")
        if word != "AND":
            _refuse(f"has `{word}` where AND belongs; {_SUPPORTED}")
        if self._position == len(self._filter):
            _refuse("ends after AND")

    def _take(self, pattern: re.Pattern[str], otherwise: str) -> str:
        match = pattern.match(self._filter, self._position)
        if match is None:
            _refuse(otherwise)
        self._position = match.end()
        self._skip_space()
        return match[0]

    def _skip_space(self) -> None:
        space = _SPACE.match(self._filter, self._position)
        self._position = space.end() if space else self._position

    def _rest(self) -> str:
        return self._filter[self._position : self._position + 20]


def _unquoted(value: str) -> str:
    if value[:1] in ('"', "'"):
        return re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)
    return value


def _integer(value: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,19}", value) or abs(int(value)) > _INTEGER_MAX:
        raise ValueError("is no whole number")
    return int(value)


def _time(value: str) -> datetime:
    try:
        time = datetime.fromisoformat(value)
        if time.tzinfo is not None and "T" in value.upper():
            return time.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("is no time; write it as 2026-01-31T00:00:00Z")


def _refuse(description: str) -> NoReturn:
    raise InvalidField(Violation("filter", description))
