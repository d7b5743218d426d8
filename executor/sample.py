"""A few records of a few files: enough to guess columns and to notice fields that have none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from executor.compression import decompressed
from executor.failpoints import failpoint
from executor.lease import LeasedFile
from executor.readers.reader import Reader
from executor.roster import Roster
from executor.storage import FileTrouble, Store

_FILES_MAX = 20
# Of so little all is read, which proves that a reader passes nothing over.
_WHOLE_FILES_MAX = 64
_WHOLE_BYTES_MAX = 2 << 20
# To guess columns; the second size is for files whose first record is longer than the first.
_HEAD_BYTES = (1 << 20, 16 << 20)
_GLANCE_BYTES = 16 << 10
_READS_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Records from the heads of files, by their index.

    `promising` is the index of a file that has some; `counts` are the numbers of records of those
    files whose every byte was read and was right. `is_plain` if a glance sufficed for each head.
    """

    heads: Mapping[int, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    promising: int | None = None
    counts: Mapping[int, int] = field(default_factory=dict)
    is_plain: bool = False

    @property
    def records(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(record for head in self.heads.values() for record in head)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    records: tuple[Mapping[str, Any], ...] = ()
    is_whole_and_right: bool = False
    is_plain: bool = False


def take_sample(roster: Roster, store: Store, reader: Reader, *, is_for_columns: bool) -> Sample:
    """Reads the heads of some files, spread over the lease. For columns it goes on until it has a record.

    Files that turn out to be unreadable are dropped from the roster.
    """
    files = roster.unempty
    if len(files) <= _WHOLE_FILES_MAX and sum(file.size_bytes for file in files.values()) <= _WHOLE_BYTES_MAX:
        return _sample_of(_heads(roster, list(files), _WHOLE_BYTES_MAX, store=store, reader=reader))
    if not is_for_columns:
        return _sample_of(_heads(roster, _spread(list(files)), _GLANCE_BYTES, store=store, reader=reader))
    for head_bytes in _HEAD_BYTES:
        waiting = list(roster.unempty)
        while waiting:
            heads = _heads(roster, _spread(waiting), head_bytes, store=store, reader=reader)
            if any(head.records for head in heads.values()):
                return _sample_of(heads)
            waiting = [index for index in waiting if index not in heads]
    return Sample()


def _sample_of(heads: Mapping[int, _Head]) -> Sample:
    return Sample(
        heads={index: head.records for index, head in heads.items()},
        promising=next((index for index, head in heads.items() if head.records), None),
        counts={index: len(head.records) for index, head in heads.items() if head.is_whole_and_right},
        is_plain=all(head.is_plain for head in heads.values()),
    )


def _heads(
    roster: Roster, indexes: Sequence[int], head_bytes: int, *, store: Store, reader: Reader
) -> dict[int, _Head]:
    with ThreadPoolExecutor(_READS_AT_ONCE) as threads:
        reads = {index: threads.submit(store.head, roster.files[index], head_bytes) for index in indexes}
    heads: dict[int, _Head] = {}
    for index, read in reads.items():
        try:
            failpoint("executor.file_opened")
            heads[index] = _parsed(roster.files[index], read.result(), head_bytes, reader=reader)
        except FileTrouble as trouble:
            roster.drop(index, trouble.failure)
            heads[index] = _Head()
    return heads


def _parsed(file: LeasedFile, head: bytes, head_bytes: int, *, reader: Reader) -> _Head:
    try:
        text, is_whole = decompressed(file.uri, head, file.size_bytes, head_bytes)
    except ValueError:  # whoever reads it all will say so
        return _Head()
    found = tuple(reader.records(text, is_whole=is_whole))
    records = tuple(record for record in found if not isinstance(record, ValueError))
    return _Head(
        records=records,
        is_whole_and_right=reader.is_trusting and is_whole and len(records) == len(found),
        is_plain=reader.count_at_a_glance([text]) is not None,
    )


def _spread(indexes: Sequence[int]) -> Sequence[int]:
    """Some of the indexes, at even distances, the first one among them."""
    step = max(1, -(-len(indexes) // _FILES_MAX))
    return indexes[::step]
