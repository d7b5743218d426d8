"""A few records of a few files: enough to guess columns and to notice fields that have none."""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from executor.lease import LeasedFile
from executor.readers.reader import Reader
from executor.roster import Roster
from executor.storage import FileTrouble, Store

_FILES_MAX = 20
# The second size is for files whose first record is longer than the first.
_HEAD_BYTES = (1 << 20, 16 << 20)
_COMPRESSED = (".gz", ".bz2", ".zst", ".lz4", ".snappy", ".deflate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Records from the heads of files, and the index of a file that is likely to have some."""

    records: tuple[Mapping[str, Any], ...]
    promising: int | None


def take_sample(roster: Roster, store: Store, reader: Reader) -> Sample:
    """Reads the heads of some files, spread over the lease; goes on until one has a record.

    Files that turn out to be unreadable are dropped from the roster.
    """
    for head_bytes in _HEAD_BYTES:
        waiting = list(roster.unempty)
        while waiting:
            chosen = _spread(waiting, _FILES_MAX)
            found = {index: _records(roster, index, head_bytes, store=store, reader=reader) for index in chosen}
            if any(found.values()):
                return Sample(
                    records=tuple(record for records in found.values() for record in records),
                    promising=next(index for index, records in found.items() if records),
                )
            waiting = [index for index in waiting if index not in found]
    return Sample(records=(), promising=None)


def _records(
    roster: Roster, index: int, head_bytes: int, *, store: Store, reader: Reader
) -> tuple[Mapping[str, Any], ...]:
    file = roster.files[index]
    try:
        head = store.head(file, head_bytes)
    except FileTrouble as trouble:
        roster.drop(index, trouble.failure)
        return ()
    text, is_whole = decompressed(file, head, head_bytes)
    found = reader.records(text, is_whole=is_whole)
    return tuple(record for record in found if not isinstance(record, ValueError))


def decompressed(file: LeasedFile, head: bytes, bytes_max: int) -> tuple[bytes, bool]:
    """The text in the first bytes of a file, at most as much again, and whether it is all of it.

    Of a compression that Python does not know, or of broken data: nothing.
    """
    if not file.uri.endswith(_COMPRESSED):
        return head, len(head) >= file.size_bytes
    if not file.uri.endswith((".gz", ".bz2")):
        return b"", False
    is_gzip = file.uri.endswith(".gz")
    inflater = zlib.decompressobj(wbits=31) if is_gzip else bz2.BZ2Decompressor()
    try:
        text = inflater.decompress(head, bytes_max)
    except (zlib.error, OSError):
        return b"", False
    return text, inflater.eof and not inflater.unused_data


def _spread(items: Sequence[int], count: int) -> tuple[int, ...]:
    """At most `count` of the items, at even distances, the first one among them."""
    step = max(1, -(-len(items) // count))
    return tuple(items[::step])
