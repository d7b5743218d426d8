"""A parser that raises ValueError, as a check that yields a violation."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

from control_plane.errors import Violation

T = TypeVar("T")


def tried(field: str, parse: Callable[[], T]) -> Generator[Violation, None, T | None]:
    """Yields the parser's ValueError as a violation of the field; returns what it parsed, or None."""
    try:
        return parse()
    except ValueError as error:
        yield Violation(field, str(error))
        return None
