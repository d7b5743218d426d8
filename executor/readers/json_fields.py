"""Every field in a file of JSON lines: Arrow reads most of it, and Python the parts that Arrow refuses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import pyarrow
from pyarrow import json as arrow_json

from executor.readers.json_text import records_of
from executor.schema.observed import Fields, all_of, of_records, of_table

_PART_BYTES = 4 << 20
_NAME = re.compile(rb'"([^"\\]*)"\s*:')
_LOOKS, _LOOK_BYTES = 64, 1 << 10
# What is held in memory, twice, to look for the fields in it.
RECORD_BYTES_MAX = 128 << 20


def fields_of_lines(chunks: Iterable[bytes]) -> Fields:
    """Lines that are no records show nothing: whoever loads them says so."""
    return all_of(_fields(part) for part in _whole_lines(chunks))


def _whole_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Parts of a file that end where a line does."""
    held: list[bytes] = []
    for chunk in chunks:
        end = chunk.rfind(b"\n") + 1
        if end and sum(map(len, held)) + end >= _PART_BYTES:
            yield b"".join([*held, chunk[:end]])
            held, chunk = [], chunk[end:]
        held.append(chunk)
        refuse_beyond_bounds(held)
    if (rest := b"".join(held)).strip():
        yield rest


def refuse_beyond_bounds(held: Sequence[bytes]) -> None:
    """Raises ValueError when a record would take too much memory to be looked at."""
    if sum(map(len, held)) > RECORD_BYTES_MAX:
        raise ValueError(
            f"a record in it is longer than {RECORD_BYTES_MAX >> 20} MiB, too long to look for new fields in it: set"
            " schema.schema_check to SAMPLE or OFF to load it without"
        )


def _fields(part: bytes) -> Fields:
    if _is_sparse(part):
        return _fields_by_record(part)
    try:
        # One block, or types that differ from block to block would be refused.
        options = arrow_json.ReadOptions(use_threads=False, block_size=len(part) + 1)
        return of_table(arrow_json.read_json(pyarrow.BufferReader(part), read_options=options))
    except pyarrow.ArrowException:
        return _fields_by_record(part)


def _is_sparse(part: bytes) -> bool:
    """Whether a table of the records has more cells than the part has bytes, by the names here and there in it.

    Arrow fills them all, which takes it hours where each record has a name of its own.
    """
    step = max(_LOOK_BYTES, len(part) // _LOOKS)
    looks = (part[start : start + _LOOK_BYTES] for start in range(0, len(part), step))
    names = {name for look in looks for name in _NAME.findall(look)}
    return len(names) * part.count(b"\n") > len(part)


def _fields_by_record(part: bytes) -> Fields:
    records = (record for line in part.splitlines() if line.strip() for record in records_of(line))
    return of_records(record for record in records if not isinstance(record, ValueError))
