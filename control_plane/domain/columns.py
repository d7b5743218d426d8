"""Columns a user declares: their SQL types, read and spelled in one way, and their names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeVar

from control_plane.domain.types import Array, Atom, Decimal, Field, Map, Struct, Type

TYPE_CHARACTERS_MAX = 20_000
TYPE_DEPTH_MAX = 32
DECIMAL_PRECISION_MAX = 38

_ATOMS = {
    **{name: name for name in ("boolean", "int", "bigint", "float", "double", "date", "timestamp")},
    **{name: name for name in ("timestamp_ntz", "string", "binary")},
    **{"integer": "int", "long": "bigint", "real": "float"},
}
_KNOWN = (
    "boolean, int, bigint, float, double, decimal(p,s), date, timestamp, timestamp_ntz, string, "
    "binary, "
    "array<…>, map<string,…> and struct<name:type,…>"
)
_TOKEN = re.compile(r"\s*(`(?:[^`]|``)+`|\w+|[<>(),:]|\S|$)")

T = TypeVar("T")


def parse_type(text: str) -> str:
    """Gives the one spelling of a type: `array<struct<a:bigint>>`; ValueError names the part that
    is wrong.

    Names in structs keep their case; one that is not made of letters, digits and `_` stands in
    backquotes.
    """
    return str(read_type(text))


def read_type(text: str) -> Type:
    """Gives a type as a tree; raises as `parse_type` does."""
    if len(text) > TYPE_CHARACTERS_MAX:
        raise ValueError(f"the type has more than {TYPE_CHARACTERS_MAX} characters; declare fewer fields")
    return _Parser(text).parse()


def check_names(names: Iterable[str]) -> None:
    """Refuses, by ValueError, an empty name and two that are the same but for the case of their
    letters.
    """
    seen: dict[str, str] = {}
    for name in names:
        if not name:
            raise ValueError("a name is empty; name the column as it stands in the files")
        if other := seen.get(name.lower()):
            raise ValueError(f'"{other}" and "{name}" differ by case at most; Spark cannot tell them apart')
        seen[name.lower()] = name


class _Parser:
    """Reads one type from its first to its last character."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0

    def parse(self) -> Type:
        result = self._type(depth=1)
        if rest := self._peek():
            raise self._error(f"ends before `{rest}`", "remove what follows")
        return result

    def _type(self, *, depth: int) -> Type:
        if depth > TYPE_DEPTH_MAX:
            raise self._error(f"nests more than {TYPE_DEPTH_MAX} deep", "declare the part below as a string")
        word = self._take()
        match word.lower():
            case "decimal":
                return self._decimal()
            case "array":
                return Array(self._within(lambda: self._type(depth=depth + 1)))
            case "map":
                return Map(self._within(lambda: self._value_of_string_keys(depth)))
            case "struct":
                return Struct(self._within(lambda: self._fields(depth)))
            case name if name in _ATOMS:
                return Atom(_ATOMS[name])
            case _:
                raise self._error(f"has `{word}` where a type belongs", f"known are {_KNOWN}")

    def _within(self, read: Callable[[], T]) -> T:
        self._expect("<")
        inner = read()
        self._expect(">")
        return inner

    def _value_of_string_keys(self, depth: int) -> Type:
        if (key := self._take()).lower() != "string":
            raise self._error(f"has a map with keys of `{key}`", "keys are strings: write map<string,…>")
        self._expect(",")
        return self._type(depth=depth + 1)

    def _fields(self, depth: int) -> tuple[Field, ...]:
        fields = [self._field(depth)]
        while self._peek() == ",":
            self._take()
            fields.append(self._field(depth))
        check_names(field.name for field in fields)
        return tuple(fields)

    def _field(self, depth: int) -> Field:
        name = self._take()
        if name.startswith("`") and len(name) > 1:
            name = name[1:-1].replace("``", "`")
        elif not re.fullmatch(r"\w+", name):
            raise self._error(f"has `{name}` where the name of a field belongs", "put other names in backquotes")
        self._expect(":")
        return Field(name, self._type(depth=depth + 1))

    def _decimal(self) -> Decimal:
        self._expect("(")
        precision = self._number()
        scale = 0
        if self._peek() == ",":
            self._take()
            scale = self._number()
        self._expect(")")
        if not 1 <= precision <= DECIMAL_PRECISION_MAX or scale > precision:
            raise self._error(
                f"has decimal({precision},{scale})",
                f"the precision is 1 to {DECIMAL_PRECISION_MAX}, the scale at most the precision",
            )
        return Decimal(precision, scale)

    def _number(self) -> int:
        word = self._take()
        if not re.fullmatch(r"[0-9]{1,9}", word):
            raise self._error(f"has `{word}` in a decimal", "write decimal(p,s) with two numbers")
        return int(word)

    def _expect(self, token: str) -> None:
        if (found := self._take()) != token:
            raise self._error(
                f"has `{found}` where `{token}` belongs" if found else f"ends before `{token}`",
                "add it",
            )

    def _take(self) -> str:
        match = self._match()
        self._position = match.end()
        return match[1]

    def _peek(self) -> str:
        return self._match()[1]

    def _match(self) -> re.Match[str]:
        match = _TOKEN.match(self._text, self._position)
        assert match is not None, "the pattern takes the end of the text too"
        return match

    def _error(self, problem: str, remedy: str) -> ValueError:
        return ValueError(f'the type "{self._text[:200]}" {problem} at character {self._position}; {remedy}')
