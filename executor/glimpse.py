"""The first records of a file: how many can be read, some of them as rows, and some of those that cannot."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from executor.counts import FileCounts
from executor.job import Job
from executor.reading import drop_silent, drop_unreadable
from executor.rejects import a_file_a_task
from executor.rows import RECORD, REJECTED, rows_of
from executor.sql import quoted

RECORDS_MAX = 10_000
CONTENT_CHARACTERS_MAX = 2_000
JSON_CHARACTERS_MAX = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRecord:
    """A record that cannot be read: its number, 0 where that is not known, and its text, in base64 if it is none."""

    number: int
    content: str
    is_text: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Glimpse:
    """`rows` are the first, as JSON objects; so are the `bad` records. `is_whole` if there are no others."""

    records_read: int
    records_rejected: int
    is_whole: bool
    rows: tuple[str, ...]
    bad: tuple[BadRecord, ...]


def glimpses_of(job: Job, schema: StructType, *, row_count: int, is_whole: bool) -> dict[int, Glimpse]:
    """Looks at the files one by one, and drops those that cannot be read. `is_whole` if they are small.

    Raises AttemptFailed when it is due to none of them.
    """
    seen: dict[int, Glimpse] = {}
    if not schema.fields:
        return seen
    with a_file_a_task(job.spark) if is_whole else nullcontext():
        for index in job.roster.unempty:
            job.check_held()
            missing = row_count - sum(len(one.rows) for one in seen.values())
            try:
                records = rows_of(job, [index], schema)
                seen[index] = _glimpse(records, schema, row_count=row_count, rows_max=missing, is_numbered=is_whole)
            except Exception as error:
                drop_unreadable(job, error)
    read = {index: one.records_read for index, one in seen.items() if one.records_read}
    drop_silent(job, FileCounts(read=read, rejected={}), schema)
    job.roster.drop_troubled(job.store.troubles)
    return seen


def _glimpse(records: DataFrame, schema: StructType, *, row_count: int, rows_max: int, is_numbered: bool) -> Glimpse:
    """Looks at the first records of a file, as its reader gives them with the schema's columns."""
    row = _as_json(schema)
    # What no expression needs is not parsed, and what is not parsed is never rejected. A limit that comes last lets
    # Spark stop as soon as it has so many.
    seen = records.select(*_marks(), F.length(row).alias("length")).limit(RECORDS_MAX + 1).collect()
    bad = [
        BadRecord(number=(is_numbered and one["number"]) or 0, content=one["content"], is_text=one["is_text"])
        for one in seen[:RECORDS_MAX]
        if one["content"] is not None
    ]
    read = min(len(seen), RECORDS_MAX)
    return Glimpse(
        records_read=read,
        records_rejected=len(bad),
        is_whole=len(seen) <= RECORDS_MAX,
        rows=_first_rows(records, row, rows_max) if rows_max and read > len(bad) else (),
        bad=tuple(bad[:row_count]),
    )


def _marks() -> tuple[Column, ...]:
    """The number of each record and, of one that cannot be read, its text."""
    is_text = F.is_valid_utf8(F.col(REJECTED))
    text = F.when(is_text, F.col(REJECTED)).otherwise(F.base64(F.col(REJECTED).cast("binary")))
    return (
        F.col(RECORD).alias("number"),
        is_text.alias("is_text"),
        F.substring(text, 1, CONTENT_CHARACTERS_MAX).alias("content"),
    )


def _first_rows(records: DataFrame, row: Column, count: int) -> tuple[str, ...]:
    good = records.where(F.col(REJECTED).isNull()).select(F.substring(row, 1, JSON_CHARACTERS_MAX).alias("json"))
    return tuple(one["json"] for one in good.limit(count).collect())


def _as_json(schema: StructType) -> Column:
    columns = [F.col(quoted(name)) for name in schema.names]
    return F.to_json(F.struct(*columns), {"ignoreNullFields": "false"})
