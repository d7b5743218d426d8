"""Enums: on the wire with their prefix, in the domain without."""

from __future__ import annotations

from typing import Protocol


class ProtoEnum(Protocol):
    """What a generated enum offers."""

    def Name(self, number: int) -> str: ...

    def Value(self, name: str) -> int: ...


def enum_number(kind: ProtoEnum, prefix: str, name: str) -> int:
    """Gives the number of `name`; the names that the domain uses are all in the protos, and a test says so."""
    return kind.Value(prefix + name)


def enum_name(kind: ProtoEnum, prefix: str, number: int) -> str | None:
    """Gives the name of a number that a caller sent; None when it is unspecified or unknown."""
    try:
        name = kind.Name(number).removeprefix(prefix)
    except ValueError:
        return None
    return None if number == 0 else name
