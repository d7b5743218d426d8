"""What a workload made and expects: each version of each file, its rows, and what must become of it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from tests.checker.checksum import NO_ROWS, Checksum, Row, checksum_of

OwnerOf = Callable[[Row], str | None]


class Expectation(Enum):
    """What must become of a file. In the table are the rows of LOADED ones, of FOREIGN ones, and of those of ANY that
    the ledger calls PROCESSED."""

    LOADED = "loaded"
    FAILED = "failed"
    MISSING = "missing, or never seen"
    SUPERSEDED = "superseded before it loaded, or never seen"
    ANY = "whatever, as long as table and ledger agree"
    FOREIGN = "added by another writer: the ledger knows nothing of it"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedFile:
    """One version of a file; `key` is what its rows are told by, and is unique to the version.

    The ledger's file is found by `uri`, or the end of it (`/data-0.json`), and, where a uri has several versions, by
    what is given of `generation` (from 1) and `size_bytes`.
    """

    key: str
    uri: str = ""
    expectation: Expectation = Expectation.LOADED
    checksum: Checksum = NO_ROWS
    generation: int | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """All files of a workload; `owner_of` tells the key of the file that a row came from."""

    files: tuple[ExpectedFile, ...]
    owner_of: OwnerOf


def a_file(
    key: str,
    rows: Iterable[Row],
    *,
    uri: str = "",
    expectation: Expectation = Expectation.LOADED,
    generation: int | None = None,
    size_bytes: int | None = None,
) -> ExpectedFile:
    """A file by its rows; the uri ends with the key unless it is given. Rows of a refused file are of no matter."""
    return ExpectedFile(
        key=key,
        uri=uri or f"/{key}",
        expectation=expectation,
        checksum=checksum_of(rows),
        generation=generation,
        size_bytes=size_bytes,
    )


def by_column(name: str) -> OwnerOf:
    """For rows that name their file in a column."""

    def owner_of(row: Row) -> str | None:
        value = row.get(name)
        return None if value is None else str(value)

    return owner_of


def by_ids(ranges: Mapping[str, range], *, column: str = "id") -> OwnerOf:
    """For files whose rows have ids of a range of their own. The ranges must not overlap."""
    ordered = sorted(((ids.start, ids.stop, key) for key, ids in ranges.items() if ids))
    starts = [start for start, _, _ in ordered]

    def owner_of(row: Row) -> str | None:
        value = row.get(column)
        position = bisect_right(starts, value) - 1 if isinstance(value, int) else -1
        if position < 0 or value is None or value >= ordered[position][1]:
            return None
        return ordered[position][2]

    return owner_of
