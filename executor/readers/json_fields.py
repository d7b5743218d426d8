"""Every field in a file of JSON lines: Arrow reads most of it, and Python the parts that Arrow refuses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow
from pyarrow import json as arrow_json

from executor.readers.json_text import records_of
from executor.schema.observed import Fields, all_of, of_records, of_table

_PART_BYTES = 4 << 20


def fields_of_lines(chunks: Iterable[bytes]) -> Fields:
    """Lines that are no records show nothing: whoever loads them says so."""
    return all_of(_fields(part) for part in _whole_lines(chunks))


def _whole_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Parts of a file that end where a line does."""
    rest = b""
    for chunk in chunks:
        rest += chunk
        if len(rest) >= _PART_BYTES and (end := rest.rfind(b"\n") + 1):
            yield rest[:end]
            rest = rest[end:]
    if rest.strip():
        yield rest


def _fields(part: bytes) -> Fields:
    try:
        # One block, or types that differ from block to block would be refused.
        options = arrow_json.ReadOptions(use_threads=False, block_size=len(part) + 1)
        return of_table(arrow_json.read_json(pyarrow.BufferReader(part), read_options=options))
    except pyarrow.ArrowException:
        lines = part.splitlines()
        records = (record for line in lines if line.strip() for record in records_of(line))
        return of_records(record for record in records if not isinstance(record, ValueError))
