"""Records that cannot be read: read again, of the files that have any, with why each is bad.

Their number is bounded, so that they fit into memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

import pyarrow
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from executor.compression import is_compressed
from executor.counts import FileCounts
from executor.integrity import content_of, not_of_its_format
from executor.job import Job
from executor.rejects_table import ARROW_SCHEMA
from executor.rows import NAME, RECORD, REJECTED, rows_of
from executor.storage import FileTrouble

RECORDS_MAX = 1_000_000
BYTES_MAX = 256 << 20
NOT_TEXT = "its text is not UTF-8; `content` is in base64"

_BATCH_RECORDS = 10_000
_EXPANSION_MAX = 50
_WHOLE_FILES = str(1 << 45)
_SPLITTING = ("spark.sql.files.maxPartitionBytes", "spark.sql.files.openCostInBytes")


def not_kept(job: Job, counts: FileCounts, schema: StructType) -> set[int]:
    """The files whose rejected records are not kept aside: where no other is loaded, and where they are too many."""
    hopeless = {index for index in counts.rejected if not counts.read.get(index)}
    rejected = {index: number for index, number in counts.rejected.items() if index not in hopeless}
    return hopeless | largest_beyond(RECORDS_MAX, rejected) | _too_long(job, rejected, schema)


def largest_beyond(bound: int, sizes: Mapping[int, int]) -> set[int]:
    """The largest, without which the others sum to no more than the bound."""
    kept, dropped = sum(sizes.values()), set[int]()
    for index in sorted(sizes, key=lambda index: sizes[index], reverse=True):
        if kept <= bound:
            break
        dropped.add(index)
        kept -= sizes[index]
    return dropped


def _too_long(job: Job, rejected: Mapping[int, int], schema: StructType) -> set[int]:
    """By the lengths of their texts, which are looked at where they can matter."""
    files = [job.work.files[index] for index in rejected]
    if sum(file.size_bytes * (_EXPANSION_MAX if is_compressed(file.uri) else 1) for file in files) <= BYTES_MAX:
        return set()
    lengths = _rejected_rows(job, rejected, schema).groupBy(NAME).agg(F.sum(F.octet_length(REJECTED)).alias("bytes"))
    indexes = _indexes(job)
    sizes = {indexes[job.address.uri(row[NAME])]: row["bytes"] for row in lengths.collect()}
    return largest_beyond(BYTES_MAX, sizes)


def collect(job: Job, counts: FileCounts, schema: StructType) -> pyarrow.Table | None:
    """The rejected records, as rows of their table; None when they are not those that were counted."""
    if not counts.rejected:
        return ARROW_SCHEMA.empty_table()
    is_text = F.is_valid_utf8(F.col(REJECTED))
    content = F.when(is_text, F.col(REJECTED)).otherwise(F.base64(F.col(REJECTED).cast("binary")))
    rows = _rejected_rows(job, counts.rejected, schema).select(
        F.col(NAME).alias("name"), F.col(RECORD).alias("record"), content.alias("content"), is_text.alias("is_text")
    )
    with a_file_a_task(job.spark):
        found = rows.toArrow()
    records, batches = _records(job, found), []
    while some := list(islice(records, _BATCH_RECORDS)):
        batches.append(pyarrow.RecordBatch.from_pylist(some, schema=ARROW_SCHEMA))
    kept = pyarrow.Table.from_batches(batches, schema=ARROW_SCHEMA)
    expected = {job.work.files[index].uri: number for index, number in counts.rejected.items()}
    return kept if _numbers(kept) == expected else None


def _rejected_rows(job: Job, rejected: Mapping[int, int], schema: StructType) -> DataFrame:
    return rows_of(job, rejected, schema).where(F.col(REJECTED).isNotNull())


def _records(job: Job, found: pyarrow.Table) -> Iterator[dict[str, Any]]:
    """What is found, file by file, with the reasons; nothing of a file that turns out to be broken: it is dropped."""
    indexes, now = _indexes(job), datetime.now(UTC)
    types = {column.name: column.type for column in job.columns}
    rows = (row for batch in found.to_batches(_BATCH_RECORDS) for row in batch.to_pylist())
    for name, of_file in groupby(rows, key=itemgetter("name")):
        index = indexes[job.address.uri(name)]
        for row in _with_texts(job, index, of_file) if job.reader.rewrites_texts else of_file:
            content = row["content"]
            reason = job.reader.reason(content, types, layout=job.layouts.get(index)) if row["is_text"] else NOT_TEXT
            told = {"file": job.work.files[index].uri, "record": row["record"], "reason": reason}
            yield told | {"content": content, "run": job.run, "time": now}


def _with_texts(job: Job, index: int, rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The rows with the texts that their records have in the file."""
    file, of_file = job.work.files[index], list(rows)
    try:
        texts = job.reader.texts(content_of(file, job.store), {row["record"] for row in of_file})
        for row in of_file:
            yield {**row, "content": texts[row["record"]], "is_text": True}
    except FileTrouble as trouble:
        job.roster.drop(index, trouble.failure)
    except (OSError, EOFError, ValueError, KeyError) as error:
        job.roster.drop(index, not_of_its_format(error))


def _indexes(job: Job) -> dict[str, int]:
    return {file.uri: index for index, file in enumerate(job.work.files)}


def _numbers(kept: pyarrow.Table) -> dict[str, int]:
    counts = kept.column("file").value_counts().to_pylist()
    return {count["values"]: count["counts"] for count in counts}


@contextmanager
def a_file_a_task(spark: SparkSession) -> Iterator[None]:
    """Spark cuts no file, and puts no two into one task: it then numbers the records of each from its start."""
    former = {name: spark.conf.get(name) for name in _SPLITTING}
    try:
        for name in _SPLITTING:
            spark.conf.set(name, _WHOLE_FILES)
        yield
    finally:
        for name, value in former.items():
            spark.conf.set(name, str(value))
