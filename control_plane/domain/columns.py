"""Columns a user declares: their SQL types, read and spelled in one way, and their names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

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
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def parse_type(text: str) -> str:
    """Gives the one spelling of a type: `array<struct<a:bigint>>`; ValueError names the part that
    is wrong.

    Names in structs keep their case; one that is not made of letters, digits and `_` stands in
    backquotes.
    """
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

    def parse(self) -> str:
        result = self._type(depth=1)
        if rest := self._peek():
            raise self._error(f"ends before `{rest}`", "remove what follows")
        return result

    def _type(self, *, depth: int) -> str:
        if depth > TYPE_DEPTH_MAX:
            raise self._error(f"nests more than {TYPE_DEPTH_MAX} deep", "declare the part below as a string")
        word = self._take()
        match word.lower():
            case "decimal":
                return self._decimal()
            case "array":
                return f"array<{self._within(lambda: self._type(depth=depth + 1))}>"
            case "map":
                return f"map<string,{self._within(lambda: self._value_of_string_keys(depth))}>"
            case "struct":
                return f"struct<{self._within(lambda: self._fields(depth))}>"
            case name if name in _ATOMS:
                return _ATOMS[name]
            case _:
                raise self._error(f"has `{word}` where a type belongs", f"known are {_KNOWN}")

    def _within(self, read: Callable[[], str]) -> str:
        self._expect("<")
        inner = read()
        self._expect(">")
        return inner

    def _value_of_string_keys(self, depth: int) -> str:
        if (key := self._take()).lower() != "string":
            raise self._error(f"has a map with keys of `{key}`", "keys are strings: write map<string,…>")
        self._expect(",")
        return self._type(depth=depth + 1)

    def _fields(self, depth: int) -> str:
        fields = [self._field(depth)]
        while self._peek() == ",":
            self._take()
            fields.append(self._field(depth))
        check_names(name for name, _ in fields)
        return ",".join(f"{_quoted(name)}:{type_}" for name, type_ in fields)

    def _field(self, depth: int) -> tuple[str, str]:
        name = self._take()
        if name.startswith("`") and len(name) > 1:
            name = name[1:-1].replace("``", "`")
        elif not re.fullmatch(r"\w+", name):
            raise self._error(f"has `{name}` where the name of a field belongs", "put other names in backquotes")
        self._expect(":")
        return name, self._type(depth=depth + 1)

    def _decimal(self) -> str:
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
        return f"decimal({precision},{scale})"

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


def _quoted(name: str) -> str:
    return name if _PLAIN_NAME.fullmatch(name) else "`" + name.replace("`", "``") + "`"
