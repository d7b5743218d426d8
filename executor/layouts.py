"""What each file of a lease says of its own columns, in formats whose files do."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from executor.compression import decompressed
from executor.diagnose import failure_of, is_from_spark
from executor.integrity import not_of_its_format
from executor.lease import Category, Failure, LeasedFile
from executor.paths import Address
from executor.readers.reader import Layout, Reader
from executor.roster import Roster
from executor.sample import Sample
from executor.storage import FileTrouble, Store

_READS_AT_ONCE = 16
_HEAD_BYTES = 1 << 20
# Anything else is trouble with the store, which another attempt may be spared.
_OF_THE_FILE = (Category.UNKNOWN, Category.SCHEMA_MISMATCH)


def read_layouts(roster: Roster, store: Store, reader: Reader) -> dict[int, Layout]:
    """Asks every file, by its index. Drops those that are not what the format says."""
    if not reader.has_layouts:
        return {}
    if reader.is_typed:
        _drop_empty(roster)
    indexes = list(roster.unempty)
    with ThreadPoolExecutor(_READS_AT_ONCE) as threads:
        found = threads.map(lambda index: _layout(roster.files[index], store, reader), indexes)
        layouts = dict(zip(indexes, found, strict=True))
    for index, layout in layouts.items():
        if isinstance(layout, Failure):
            roster.drop(index, layout)
    return {index: layout for index, layout in layouts.items() if isinstance(layout, Layout)}


def sample_of(layouts: Mapping[int, Layout]) -> Sample:
    """What layouts tell of the numbers of records."""
    counts = {index: layout.records for index, layout in layouts.items() if layout.records is not None}
    promising = next((index for index in layouts if counts.get(index, 1)), None)
    return Sample(counts=counts, promising=promising)


def columns_by_layout(
    spark: SparkSession, roster: Roster, layouts: Mapping[int, Layout], *, reader: Reader, address: Address
) -> dict[str, StructType]:
    """The columns of each layout with types, by its text. Drops the files of those that Spark cannot read."""
    if not reader.is_typed:
        return {}
    columns: dict[str, StructType] = {}
    for text, indexes in _indexes_by_text(roster, layouts).items():
        path = address.path(roster.files[indexes[0]].uri)
        try:
            columns[text] = reader.columns(spark, path, options=address.options)
        except Exception as error:
            failure = failure_of(error)
            if not is_from_spark(error) or failure.category not in _OF_THE_FILE:
                raise
            for index in indexes:
                roster.drop(index, _unreadable_columns(failure))
    return columns


def _layout(file: LeasedFile, store: Store, reader: Reader) -> Layout | Failure:
    try:
        with _opened(file, store, reader) as content:
            return reader.layout(content)
    except FileTrouble as trouble:
        return trouble.failure
    except (ValueError, RecursionError) as error:
        return not_of_its_format(error)


def _opened(file: LeasedFile, store: Store, reader: Reader) -> BinaryIO:
    if reader.is_typed:
        return store.open(file)
    head, _ = decompressed(file.uri, store.head(file, _HEAD_BYTES), file.size_bytes, _HEAD_BYTES)
    return io.BytesIO(head)


def _drop_empty(roster: Roster) -> None:
    for index, file in roster.remaining.items():
        if not file.size_bytes:
            roster.drop(
                index,
                Failure(
                    category=Category.DATA_MALFORMED,
                    message="The file has 0 bytes; even without records, one of its format says what columns it has.",
                ),
            )


def _indexes_by_text(roster: Roster, layouts: Mapping[int, Layout]) -> dict[str, Sequence[int]]:
    indexes: dict[str, list[int]] = {}
    for index in roster.unempty.keys() & layouts.keys():
        indexes.setdefault(layouts[index].text, []).append(index)
    return {text: sorted(found) for text, found in indexes.items()}


def _unreadable_columns(failure: Failure) -> Failure:
    return Failure(
        category=Category.SCHEMA_MISMATCH,
        message="The file has columns of a type that Spark cannot read.",
        cause=failure.cause,
    )
