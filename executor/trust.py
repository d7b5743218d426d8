"""The quick way to load files of which each is most likely good in full.

Spark then neither counts rows by file nor looks for bad ones, which costs it a fifth of its time:
the first bad record ends the write, while the files' own bytes tell how many records each has.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from pyspark.sql.types import StructType

from executor.compression import is_compressed
from executor.counts import FileCounts
from executor.job import Job
from executor.jvm import bounds_of_added_files, has_jvm
from executor.metadata import Snapshot
from executor.readers.leaves import can_overflow

_FLOATING = ("float", "double")


def is_trusted(job: Job, schema: StructType) -> bool:
    """Whether the quick way can do: a glance at the files will most likely tell their records."""
    others = job.roster.unempty.keys() - job.sample.counts.keys()
    return (
        has_jvm(job.spark)
        and job.reader.is_trusting
        and not (job.reader.may_overflow and _has_hidden_floats(schema))
        and (not others or (job.sample.is_plain and all(_chunks(job, index) for index in others)))
    )


def glance(job: Job) -> dict[int, int]:
    """The numbers of records, by their index, of the files that surely have nothing but records.

    They hold for files of which no record is bad. Blank lines count, so a number may be too large,
    never too small: where the sum is that of the rows, each one is right.
    """
    found = {index: _records(job, index) for index in job.roster.unempty}
    return {index: records for index, records in found.items() if records is not None}


def trusted_counts(job: Job, schema: StructType, glanced: Mapping[int, int], snapshot: Snapshot) -> FileCounts | None:
    """The counts of what was read trusting, or None where a careful look is due after all."""
    if not job.roster.unempty.keys() <= glanced.keys() or _may_hold_infinity(job, schema, snapshot):
        return None
    return FileCounts(read={index: glanced[index] for index in job.roster.unempty if glanced[index]}, rejected={})


def _records(job: Job, index: int) -> int | None:
    if (known := job.sample.counts.get(index)) is not None:
        return known
    chunks = _chunks(job, index)
    try:
        return job.reader.count_at_a_glance(chunks) if chunks else None
    except OSError:  # its trouble is told where all files are asked for theirs
        return None


def _chunks(job: Job, index: int) -> Iterator[bytes] | None:
    file = job.roster.files[index]
    return None if is_compressed(file.uri) else job.store.chunks(file)


def _may_hold_infinity(job: Job, schema: StructType, snapshot: Snapshot) -> bool:
    columns = _floating(schema) if job.reader.may_overflow else None
    if not columns:
        return False
    bounds = bounds_of_added_files(job.spark, job.table.sql, snapshot.id, columns)
    return any(ends is None or any(math.isinf(end) for end in ends) for ends in bounds)


def _has_hidden_floats(schema: StructType) -> bool:
    """Whether there are numbers within columns, of which the table keeps no bounds."""
    return any(can_overflow(field.dataType) for field in schema if field.name not in _floating(schema))


def _floating(schema: StructType) -> frozenset[str]:
    return frozenset(field.name for field in schema if field.dataType.simpleString() in _FLOATING)
