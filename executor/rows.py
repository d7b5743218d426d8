"""The rows of a lease's files, as its reader gives them, each with the name of its file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial, reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from executor.job import Job
from executor.readers.reader import Layout

# Names of columns that no file has.
REJECTED = "__autoloader_rejected"
NAME = "__autoloader_name"
RECORD = "__autoloader_record"


def rows_of(job: Job, indexes: Iterable[int], schema: StructType) -> DataFrame:
    """Rows of these files with the name of the file and, where one was rejected, its raw text.

    Where rejected ones are kept aside, with the number of the record, too.
    """
    read = partial(job.reader.read_apart, record=RECORD) if job.keeps_aside else job.reader.read
    parts = [
        read(job.spark, paths, schema=schema, rejected=REJECTED, options=job.address.options, layout=layout).withColumn(
            NAME, F.input_file_name()
        )
        for layout, paths in _by_layout(job, indexes)
    ]
    return reduce(DataFrame.union, parts)


def trusted_rows_of(job: Job, indexes: Iterable[int], schema: StructType) -> DataFrame:
    """Rows of these files, of which the first that cannot be read ends the job."""
    paths = [job.path(index) for index in indexes]
    return job.reader.read_trusting(job.spark, paths, schema=schema, options=job.address.options)


def _by_layout(job: Job, indexes: Iterable[int]) -> Iterator[tuple[Layout | None, list[str]]]:
    """Paths in groups that are read alike: with types, a reader finds columns by name whatever the layout."""
    groups: dict[Layout | None, list[str]] = {}
    for index in indexes:
        layout = None if job.reader.is_typed else job.layouts.get(index)
        groups.setdefault(layout, []).append(job.path(index))
    yield from groups.items()
