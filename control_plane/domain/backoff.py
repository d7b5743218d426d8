"""How long to wait before a failed attempt is repeated."""

from __future__ import annotations


def backoff_seconds(attempts: int, *, first: float, longest: float) -> float:
    """Doubles from `first` after the first failed attempt, up to `longest`."""
    return float(min(longest, first * 2 ** min(max(attempts - 1, 0), 30)))
