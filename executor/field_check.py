"""Finds the fields of the files of a lease before it is staged: all of them, or those of a sample."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from pyspark.sql.types import NullType, StringType, StructField, StructType

from executor.compression import decompressed, opened
from executor.integrity import not_of_its_format
from executor.lease import Failure, LeasedFile, LoadWork
from executor.readers.reader import Layout, Reader
from executor.roster import Roster
from executor.sample import Sample
from executor.schema.observed import NO_FIELDS, Fields, of_records
from executor.schema.words import Column, SchemaCheck
from executor.storage import FileTrouble, Store

_HEAD_BYTES = 1 << 20
_CHUNK_BYTES = 4 << 20


def check_fields(
    work: LoadWork,
    roster: Roster,
    sample: Sample,
    *,
    store: Store,
    reader: Reader,
    layouts: Mapping[int, Layout],
    found: Mapping[str, StructType],
    check_held: Callable[[], None],
) -> dict[int, Fields]:
    """The fields of files, by index: of all that say what they have, else as the ingestion has them checked."""
    if reader.is_typed:
        return {index: _of_layout(layouts[index], found) for index in roster.unempty}
    if layouts:
        return _of_headers(roster, layouts, work.columns, store=store, reader=reader)
    match work.schema.check:
        case SchemaCheck.FULL:
            return _of_all(roster, store=store, reader=reader, check_held=check_held)
        case SchemaCheck.SAMPLE:
            return {index: of_records(records) for index, records in sample.heads.items() if index in roster.unempty}
        case SchemaCheck.OFF:
            return {}


def _of_layout(layout: Layout, found: Mapping[str, StructType]) -> Fields:
    columns = found[layout.text]
    return Fields(columns=columns, counts=dict.fromkeys(columns.names, layout.records or 1))


def _of_headers(
    roster: Roster, layouts: Mapping[int, Layout], columns: Sequence[Column], *, store: Store, reader: Reader
) -> dict[int, Fields]:
    """Names are in the header; the values of new ones are looked at in the first file that has such a header."""
    known = {column.name.lower() for column in columns}
    of_layouts: dict[Layout, Fields] = {}
    for index, file in roster.unempty.items():
        layout = layouts[index]
        if layout not in of_layouts:
            names = reader.names(layout)
            is_new = any(name.lower() not in known for name in names)
            shown = _of_head(file, store=store, reader=reader) if is_new else NO_FIELDS
            of_layouts[layout] = _named(names, shown, known)
    return {index: of_layouts[layouts[index]] for index in roster.unempty}


def _named(names: Sequence[str], shown: Fields, known: set[str]) -> Fields:
    """All that the header names: nothing is said of what is known, and what has no values yet is text."""
    types = {one.name: one.dataType for one in shown.columns if not isinstance(one.dataType, NullType)}
    fields = [
        StructField(name, NullType() if name.lower() in known else types.get(name, StringType())) for name in names
    ]
    return Fields(columns=StructType(fields), counts={name: shown.counts.get(name, 0) for name in names})


def _of_head(file: LeasedFile, *, store: Store, reader: Reader) -> Fields:
    try:
        head, is_whole = decompressed(file.uri, store.head(file, _HEAD_BYTES), file.size_bytes, _HEAD_BYTES)
    except (FileTrouble, ValueError):
        return NO_FIELDS
    found = reader.records(head, is_whole=is_whole)
    return of_records(record for record in found if not isinstance(record, ValueError))


def _of_all(roster: Roster, *, store: Store, reader: Reader, check_held: Callable[[], None]) -> dict[int, Fields]:
    """Drops the files of which some bytes cannot be read: nothing could be said of them."""

    def look(file: LeasedFile) -> Fields | Failure:
        check_held()
        return _of_file(file, store, reader)

    files = roster.unempty
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        found = dict(zip(files, threads.map(look, files.values()), strict=True))
    for index, fields in found.items():
        if isinstance(fields, Failure):
            roster.drop(index, fields)
    return {index: fields for index, fields in found.items() if isinstance(fields, Fields)}


def _of_file(file: LeasedFile, store: Store, reader: Reader) -> Fields | Failure:
    try:
        with store.stream(file) as stream, opened(file.uri, stream) as content:
            return reader.fields(iter(lambda: content.read(_CHUNK_BYTES), b""))
    except FileTrouble as trouble:
        return trouble.failure
    except (OSError, EOFError, ValueError) as error:
        return not_of_its_format(error)
