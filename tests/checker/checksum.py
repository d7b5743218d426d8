"""Sums over rows that do not depend on their order, and grow with each repetition of a row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from hashlib import blake2b
from typing import Any

_DIGEST_BYTES = 16
_MODULUS = 1 << (8 * _DIGEST_BYTES)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Checksum:
    """The number of rows, and the sum of their digests: a sum, since with XOR a row and its double would cancel out."""

    count: int = 0
    total: int = 0

    def __add__(self, other: Checksum) -> Checksum:
        return Checksum(self.count + other.count, (self.total + other.total) % _MODULUS)


NO_ROWS = Checksum()


def checksum_of(rows: Iterable[Row]) -> Checksum:
    return checksum_of_digests(map(digest, rows))


def checksum_of_digests(digests: Iterable[int]) -> Checksum:
    count = total = 0
    for each in digests:
        count += 1
        total += each
    return Checksum(count, total % _MODULUS)


def digest(row: Row) -> int:
    """A number for the whole row. A column that is null counts as absent, so that columns may be added later."""
    present = {name: value for name, value in row.items() if value is not None}
    text = json.dumps(present, sort_keys=True, default=_plain) if _is_plain(present) else _text_of(present)
    return int.from_bytes(blake2b(text.encode(), digest_size=_DIGEST_BYTES).digest())


def _is_plain(row: Row) -> bool:
    """Whether JSON says all values in one way: floats are not among them, as 2.0 may have been read from 2."""
    return all(type(value) in (str, int, bool, datetime, date) for value in row.values())


def _text_of(row: Row) -> str:
    return json.dumps(_canonical(row), sort_keys=True)


def _canonical(value: Any) -> Any:
    """One form for what a source and a table may write in different types."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case Mapping():
            return {str(key): _canonical(each) for key, each in value.items() if each is not None}
        case list() | tuple():
            return [_canonical(each) for each in value]
        case None | bool() | int() | float() | str():
            return value
        case _:
            return _plain(value)


def _plain(value: Any) -> str:
    match value:
        case datetime():
            return (value.astimezone(UTC) if value.tzinfo else value).isoformat()
        case date() | time():
            return value.isoformat()
        case bytes():
            return value.hex()
        case Decimal():
            return str(value.normalize())
    raise TypeError(f"{type(value).__name__} has no form for a checksum")
