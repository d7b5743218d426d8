"""The text of a glob as tokens: literal characters, wildcards, and choices in braces."""

from __future__ import annotations

import re
from dataclasses import dataclass

GLOB_CHARACTERS_MAX = 1_000
CHOICE_DEPTH_MAX = 10

# A token is a literal when it is one character long; a wildcard is the regular expression that it
# stands for.
ANY = "[^/]"
STAR = "[^/]*"
ANY_DEPTH = "(?s:.*)"


@dataclass(frozen=True, slots=True)
class Choice:
    """`{a,b}`: one of several sequences of tokens."""

    branches: list[Tokens]


Tokens = list["str | Choice"]


def parse(glob: str) -> Tokens:
    """Reads a glob; ValueError says what is wrong with it, where, and what to do."""
    if not glob:
        raise ValueError("a glob is empty; write `**` to take every file")
    if len(glob) > GLOB_CHARACTERS_MAX:
        raise ValueError(f"a glob has {len(glob)} characters, more than {GLOB_CHARACTERS_MAX}; use wildcards")
    if glob.startswith("/"):
        raise ValueError(f'"{glob}" starts with `/`; write it relative to the uri')
    return _Parser(glob).parse()


class _Parser:
    """Reads one glob from its first to its last character."""

    def __init__(self, glob: str) -> None:
        self._glob = glob
        self._position = 0

    def parse(self) -> Tokens:
        tokens = self._sequence(ends="}", depth=0)
        if self._position < len(self._glob):
            raise self._error(self._position, "a `}` without its `{`", "remove it, or write it as [}]")
        return tokens

    def _sequence(self, *, ends: str, depth: int) -> Tokens:
        tokens: Tokens = []
        while (character := self._peek()) and character not in ends:
            match character:
                case "*":
                    tokens.append(self._stars())
                case "[":
                    tokens.append(self._set())
                case "{":
                    tokens.append(self._choice(depth=depth + 1))
                case _:
                    tokens.append(ANY if character == "?" else character)
                    self._position += 1
        return tokens

    def _stars(self) -> str:
        start = self._position
        while self._peek() == "*":
            self._position += 1
        return STAR if self._position == start + 1 else ANY_DEPTH

    def _choice(self, *, depth: int) -> Choice:
        start = self._position
        if depth > CHOICE_DEPTH_MAX:
            raise self._error(start, f"braces more than {CHOICE_DEPTH_MAX} deep", "nest them less")
        branches = []
        while self._peek() != "}":
            self._position += 1
            branches.append(self._sequence(ends=",}", depth=depth))
            if not self._peek():
                raise self._error(start, "a brace that is not closed", "close it, or write it as [{]")
        self._position += 1
        return Choice(branches)

    def _set(self) -> str:
        start = self._position
        first = start + 2 if self._glob[start + 1 : start + 2] in ("!", "^") else start + 1
        end = self._glob.find("]", first + 1)
        if end < 0:
            raise self._error(start, "a bracket that is not closed", "close it, or write it as [[]")
        members = self._glob[first:end]
        if "/" in members:
            raise self._error(start, "a set that holds `/`", "use braces to choose between folders")
        self._position = end + 1
        if len(members) == 1 and first == start + 1:
            return members
        negation = "^" if first == start + 2 else ""
        return f"(?!/)[{negation}{self._ranges(start, members)}]"

    def _ranges(self, start: int, members: str) -> str:
        written = []
        for low, high in re.findall(r"(?s)(.)(?:-(.))?", members):
            if high and high < low:
                raise self._error(start, f"a range from {low} back to {high}", "turn it round")
            written.append(re.escape(low) + (f"-{re.escape(high)}" if high else ""))
        return "".join(written)

    def _peek(self) -> str:
        return self._glob[self._position : self._position + 1]

    def _error(self, position: int, problem: str, remedy: str) -> ValueError:
        return ValueError(f'"{self._glob}" has {problem} at character {position + 1}; {remedy}')
