"""Filters of lists: AIP-160 without functions and wildcards.

all     = any { AND any }
any     = term { OR term }                      OR binds tighter than AND, as in AIP-160
term    = [ NOT | - ] ( condition | "(" all ")" )
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn

from control_plane.domain.filter import EVERYTHING, All, AnyOf, Condition, Filter, Not, Operator
from control_plane.errors import InvalidField, Violation

FILTER_CHARACTERS_MAX = 4_000
CONDITIONS_MAX = 50
DEPTH_MAX = 10
_INTEGER_MAX = 2**63 - 1
_SHOWN_CHARACTERS = 20
_EQUALITY: tuple[Operator, ...] = ("=", "!=")
_ORDER: tuple[Operator, ...] = ("=", "!=", "<", "<=", ">", ">=")
_SUPPORTED = "supported are =, !=, <, <=, >, >= and :, joined by AND and OR, with NOT and parentheses"

_FIELD = re.compile(r'[^\s=<>!:()"\']+(?:"(?:[^"\\]|\\.)*")?')
_OPERATOR = re.compile(r"[=<>!:]+")
_VALUE = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|[^\s()"\']+')
_KEYWORD = re.compile(r"(AND|OR|NOT)(?![^\s()])")
_SPACE = re.compile(r"\s*")

Value = str | int | datetime


@dataclass(frozen=True, slots=True)
class Field:
    """What a field can be compared with: `parse` raises ValueError on a value of another type."""

    parse: Callable[[str], Value]
    operators: tuple[Operator, ...]


def text() -> Field:
    return Field(str, (*_EQUALITY, ":"))


def one_of(*names: str) -> Field:
    def parse(value: str) -> str:
        if value not in names:
            raise ValueError(f"is none of {', '.join(names)}")
        return value

    return Field(parse, _EQUALITY)


def integer() -> Field:
    return Field(_integer, _ORDER)


def time() -> Field:
    return Field(_time, _ORDER)


def keys() -> Field:
    return Field(str, (":",))


def custom(parse: Callable[[str], Value]) -> Field:
    return Field(parse, _EQUALITY)


def parse_filter(filter: str, fields: Mapping[str, Field]) -> Filter:
    """Reads a filter; InvalidField says what in it is wrong and what is supported.

    The key `labels.*` in `fields` stands for every label: `labels.KEY`, or `labels."any key"`.
    """
    if len(filter) > FILTER_CHARACTERS_MAX or "\0" in filter:
        _refuse(f"has a NUL, or more than {FILTER_CHARACTERS_MAX} characters")
    return _Reader(filter, fields).read()


class _Reader:
    """Reads a filter from left to right; values may hold what elsewhere is an operator: `s3://a`."""

    def __init__(self, filter: str, fields: Mapping[str, Field]) -> None:
        self._filter = filter
        self._fields = fields
        self._position = 0
        self._conditions = 0
        self._depth = 0

    def read(self) -> Filter:
        self._skip_space()
        if self._at_end():
            return EVERYTHING
        filter = self._all()
        if self._next(")"):
            _refuse("has `)` without a `(` before it; leave it out")
        if not self._at_end():
            _refuse(f"has `{self._rest()}` where AND or OR belongs; {_SUPPORTED}")
        return filter

    def _all(self) -> Filter:
        parts = [self._any_of()]
        while self._keyword("AND"):
            parts.append(self._any_of())
        return All(tuple(parts)) if len(parts) > 1 else parts[0]

    def _any_of(self) -> Filter:
        parts = [self._term()]
        while self._keyword("OR"):
            parts.append(self._term())
        return AnyOf(tuple(parts)) if len(parts) > 1 else parts[0]

    def _term(self) -> Filter:
        if self._keyword("NOT") or self._next("-"):
            return Not(self._simple())
        return self._simple()

    def _simple(self) -> Filter:
        if self._at_end():
            _refuse(f"ends after `{self._filter.split()[-1][-_SHOWN_CHARACTERS:]}`, where a condition belongs")
        if not self._next("("):
            return self._condition()
        self._depth += 1
        if self._depth > DEPTH_MAX:
            _refuse(f"has more than {DEPTH_MAX} parentheses within each other; write it flatter")
        filter = self._all()
        if not self._next(")"):
            where = f"has `{self._rest()}`" if self._rest() else "ends"
            _refuse(f"{where} where `)`, AND or OR belongs")
        self._depth -= 1
        return filter

    def _condition(self) -> Condition:
        self._conditions += 1
        if self._conditions > CONDITIONS_MAX:
            _refuse(f"has more than {CONDITIONS_MAX} conditions; ask several times with fewer")
        name = self._name()
        field = self._fields["labels.*" if name.startswith("labels.") else name]
        operator = self._operator(name, field)
        value = self._take(_VALUE, f"`{name} {operator}` is followed by no value")
        if (operator, value) == (":", "*"):
            return _is_set(name)
        try:
            return Condition(name, operator, field.parse(_unquoted(value)))
        except ValueError as error:
            _refuse(f"`{name}` cannot be compared with {value}, which {error}")

    def _name(self) -> str:
        if word := _KEYWORD.match(self._filter, self._position):
            _refuse(f"has `{word[0]}` where a field belongs; {_SUPPORTED}")
        name = self._take(_FIELD, f"has `{self._rest()}` where a field belongs")
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
        for operator in field.operators:
            if found == operator:
                return operator
        if found not in (*_ORDER, ":"):
            _refuse(f"the operator `{found}` is not supported; {_SUPPORTED}")
        _refuse(f"`{name}` cannot be compared by `{found}`; use {' or '.join(field.operators)}")

    def _keyword(self, word: str) -> bool:
        found = _KEYWORD.match(self._filter, self._position)
        return found is not None and found[1] == word and self._next(word)

    def _next(self, token: str) -> bool:
        if not self._filter.startswith(token, self._position):
            return False
        self._position += len(token)
        self._skip_space()
        return True

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

    def _at_end(self) -> bool:
        return self._position == len(self._filter)

    def _rest(self) -> str:
        return self._filter[self._position : self._position + _SHOWN_CHARACTERS]


def _is_set(name: str) -> Condition:
    """What AIP-160 asks by `name:*`."""
    if name.startswith("labels."):
        return Condition("labels", ":", name.removeprefix("labels."))
    return Condition(name, "!=", "")


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
