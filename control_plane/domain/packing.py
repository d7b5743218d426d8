"""Packs files into sets for leases, in the order given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

DEFAULT_MAX_FILES = 5_000
DEFAULT_MAX_BYTES = 2 * 1024**3
MAX_FILES = 5_000
MAX_BYTES = 10 * 1024**3
# A lease's names must fit into one message of 4 MiB with room for the rest of each entry.
MAX_NAME_BYTES = 2 * 1024**2


@dataclass(frozen=True, slots=True)
class Packable:
    """A file to pack; `executors_lost` died while they loaded it, alone or among others."""

    file_id: int
    size_bytes: int
    name_bytes: int
    executors_lost: int = 0


def pack(files: Iterable[Packable], *, max_files: int, max_bytes: int, keep_open_set: bool) -> Iterator[list[Packable]]:
    """Yields sets of consecutive files within the limits; a file larger than `max_bytes` goes alone.

    The last set stays out with `keep_open_set`, because more files may follow to fill it.
    """
    current: list[Packable] = []
    size = names = 0
    for file in files:
        if file.size_bytes > max_bytes:
            yield [file]
            continue
        full = (
            len(current) == max_files or size + file.size_bytes > max_bytes or names + file.name_bytes > MAX_NAME_BYTES
        )
        if current and full:
            yield current
            current, size, names = [], 0, 0
        current.append(file)
        size += file.size_bytes
        names += file.name_bytes
    if current and not keep_open_set:
        yield current
