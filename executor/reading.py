"""Reads the files of a lease, and drops from its roster those that cannot be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from executor import counts as counting
from executor import rejects
from executor.columns import as_struct
from executor.counts import FileCounts, NotListed
from executor.diagnose import failure_of, is_from_spark, unreadable_path
from executor.errors import AttemptFailed
from executor.job import Job
from executor.lease import Category, Failure
from executor.malformed import malformed, malformed_text
from executor.rows import NAME, REJECTED, rows_of

NAME_NOT_LISTED = Failure(
    category=Category.NAME_UNSUPPORTED,
    message="Spark does not find the file under its name, though it is there. Rename it.",
)

_SURVEYS_TOGETHER_MAX = 3
_EXPLAINED_MAX = 10
_LEASE_WIDE = (
    Category.AUTHENTICATION,
    Category.BUCKET_NOT_FOUND,
    Category.THROTTLED,
    Category.CONNECTIVITY,
    Category.CATALOG_UNAVAILABLE,
    Category.WRITE_FAILURE,
)
_EMPTY = FileCounts(read={}, rejected={})


def count_apart(job: Job, indexes: Iterable[int], schema: StructType) -> FileCounts:
    """Counts rows in a pass of its own. Raises NotListed."""
    uris = {job.work.files[index].uri: index for index in indexes}
    rows = rows_of(job, uris.values(), schema)
    names = counting.indexes_by_name(rows, uris, address=job.address)
    return counting.by_grouping(rows, names, name=NAME, rejected=REJECTED, columns=schema.names)


def survey(job: Job, indexes: Iterable[int], schema: StructType) -> FileCounts:
    """Counts the rows of files without writing any; drops the files that are not good in full."""
    wanted = set(indexes)
    for _ in range(_SURVEYS_TOGETHER_MAX):
        good = wanted & job.roster.unempty.keys()
        if not good:
            return _EMPTY
        counts = _count_or_drop(job, good, schema)
        if counts is not None:
            return counts
    found = [_count_or_drop(job, {index}, schema) or _EMPTY for index in sorted(wanted & job.roster.unempty.keys())]
    return FileCounts(read={index: rows for counts in found for index, rows in counts.read.items()}, rejected={})


def _count_or_drop(job: Job, indexes: Iterable[int], schema: StructType) -> FileCounts | None:
    """The counts, or None when files had to be dropped."""
    job.check_held()
    try:
        counts = count_apart(job, indexes, schema)
    except Exception as error:
        drop_unreadable(job, error)
        return None
    return None if drop_rejected(job, counts, schema) else counts


def drop_rejected(job: Job, counts: FileCounts, schema: StructType) -> bool:
    """Drops the files with records that cannot be read, and are not kept aside; whether there were any."""
    bad = rejects.not_kept(job, counts, schema) if job.keeps_aside else counts.rejected.keys()
    for number, index in enumerate(sorted(bad)):
        number_rejected = counts.rejected[index]
        total = number_rejected + counts.read.get(index, 0)
        failure = malformed(job, index, schema, rejected=number_rejected, total=total, explain=number < _EXPLAINED_MAX)
        job.roster.drop(index, failure, records_rejected=number_rejected)
    return bool(bad)


def drop_leftovers(job: Job, suspected: Iterable[int], counts: FileCounts) -> bool:
    """Drops the suspects of which something was passed over; whether there were any.

    Where bad records are kept aside none is dropped: what was passed over will be among them.
    """
    indexes = {job.work.files[index].uri: index for index in suspected}
    if not indexes:
        return False
    paths = [job.address.path(uri) for uri in indexes]
    leftovers = job.reader.leftovers(job.spark, paths, options=job.address.options)
    if leftovers is None:
        return False
    if job.keeps_aside:
        return not leftovers.isEmpty()
    found = leftovers.groupBy("name").agg(F.count(F.lit(1)).alias("lines"), F.min("text").alias("text")).collect()
    for row in found:
        index = indexes[job.address.uri(row["name"])]
        total = counts.read.get(index, 0)
        failure = malformed_text(job, index, row["text"], rejected=row["lines"], total=total)
        job.roster.drop(index, failure, records_rejected=row["lines"])
    return bool(found)


def drop_silent(job: Job, counts: FileCounts, schema: StructType) -> bool:
    """Drops the files that only seem to have no rows because Spark left them out of its listing."""
    silent = [index for index in job.roster.unempty if index not in counts.read]
    try:
        if silent:
            count_apart(job, silent, schema)
    except NotListed as error:
        _drop_not_listed(job, error)
        return True
    return False


def drop_unreadable(job: Job, error: Exception) -> None:
    """Drops the files to which a failed read is due. Raises it when it is due to none of them."""
    if isinstance(error, NotListed):
        return _drop_not_listed(job, error)
    if not is_from_spark(error):
        raise error
    failure = failure_of(error, secrets=job.work.s3.secrets)
    path = unreadable_path(error)
    uri = job.address.uri(path) if path else None
    culprits = [index for index, file in job.roster.unempty.items() if file.uri == uri]
    if job.roster.drop_troubled(job.store.troubles):
        return None
    if not culprits and failure.category is Category.UNKNOWN:
        culprits = list(_unreadable_among(job, sorted(job.roster.unempty)))
    if not culprits or failure.category in _LEASE_WIDE:
        raise AttemptFailed(failure) from error
    for index in culprits:
        job.roster.drop(index, _unreadable(failure))
    return None


def _unreadable_among(job: Job, indexes: Sequence[int]) -> Iterator[int]:
    """The files that cannot be read, found by halves: what a broken page throws does not name its file."""
    job.check_held()
    # Of a session that is broken itself, nothing follows for files.
    job.spark.range(1).count()
    try:
        count_apart(job, indexes, as_struct(job.columns))
    except Exception as error:
        if not is_from_spark(error) or failure_of(error).category in _LEASE_WIDE:
            raise
        half = len(indexes) // 2
        yield from (
            indexes
            if not half
            else (index for part in (indexes[:half], indexes[half:]) for index in _unreadable_among(job, part))
        )


def _drop_not_listed(job: Job, error: NotListed) -> None:
    """Most often they are gone; those that are still there have a name that Spark cannot read."""
    job.roster.drop_troubled(job.store.troubles)
    for index in error.indexes & job.roster.remaining.keys():
        job.roster.drop(index, NAME_NOT_LISTED)


def _unreadable(failure: Failure) -> Failure:
    if failure.category is not Category.UNKNOWN:
        return failure
    return Failure(
        category=Category.DATA_MALFORMED,
        message="The file is broken: it ends too early, or is not what its name says.",
        cause=failure.cause,
    )
