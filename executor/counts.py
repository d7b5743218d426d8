"""Exact numbers of rows read and rejected of each file, taken in the pass that writes them.

A column holds the index of each row's file; a histogram of it with a bin for every index, observed
while rows pass, is the count of each file. A recomputed stage can pass rows twice: a count is only
good if its sum equals what the snapshot says was added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow  # type: ignore[import-untyped]
from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from executor.errors import attempt_failed
from executor.lease import Category
from executor.paths import Address, row_path
from executor.sql import quoted

_SPARE_BINS = 64
# So few names are found faster one by one than by a join, which takes a job to prepare.
_FILES_SEARCHED_MAX = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCounts:
    """Rows by the index of their file; files without any are absent."""

    read: Mapping[int, int]
    rejected: Mapping[int, int]

    @property
    def total_read(self) -> int:
        return sum(self.read.values())

    @property
    def total(self) -> int:
        return self.total_read + sum(self.rejected.values())


class NotListed(Exception):
    """Spark's listing lacks files that it was asked for, by their index."""

    def __init__(self, indexes: set[int]) -> None:
        super().__init__(f"{len(indexes)} files are not listed")
        self.indexes = indexes


def with_index(
    spark: SparkSession,
    rows: DataFrame,
    indexes: Mapping[str, int],
    *,
    address: Address,
    column: str,
) -> DataFrame:
    """Adds the index of each row's file, by the file's uri. `rows` come straight from files.

    Raises NotListed when Spark's listing lacks one of the files: it would be loaded as empty.
    """
    listed = rows.inputFiles()
    names = {row_path(name): indexes[uri] for name in listed if (uri := address.uri(name)) in indexes}
    if absent := set(indexes.values()) - set(names.values()):
        raise NotListed(absent)
    if len(listed) != len(indexes):
        raise attempt_failed(
            Category.NAME_UNSUPPORTED,
            f"Spark lists {len(listed)} files where {len(indexes)} were asked for.",
            retryable=False,
        )
    if len(names) <= _FILES_SEARCHED_MAX:
        position = F.array_position(F.array(*map(F.lit, names)), F.col("_metadata.file_path"))
        # Position 0 means that the name was not found.
        found = F.array(F.lit(None).cast("int"), *(F.lit(index) for index in names.values()))
        return rows.withColumn(column, F.element_at(found, position.cast("int") + 1))
    path = f"{column}_path"
    known = spark.createDataFrame(
        pyarrow.table({path: list(names), column: pyarrow.array(names.values(), type=pyarrow.int32())})
    )
    rows = rows.withColumn(path, F.col("_metadata.file_path"))
    return rows.join(F.broadcast(known), on=path, how="left").drop(path)


def observed(rows: DataFrame, *, index: str, rejected: str, files: int) -> tuple[DataFrame, Observation]:
    """Rows that are counted as they pass."""
    observation = Observation()
    bins = F.lit(files + _SPARE_BINS)
    number = F.col(index).cast("double")
    is_rejected = F.col(rejected).isNotNull()
    rows = rows.observe(
        observation,
        F.histogram_numeric(F.when(~is_rejected, number), bins).alias("read"),
        F.histogram_numeric(F.when(is_rejected, number), bins).alias("rejected"),
    )
    return rows, observation


def of_observation(observation: Observation) -> FileCounts:
    seen = observation.get
    return FileCounts(read=_by_index(seen["read"]), rejected=_by_index(seen["rejected"]))


def by_grouping(rows: DataFrame, *, index: str, rejected: str, columns: Sequence[str]) -> FileCounts:
    """Counts in a pass of its own, which reads every column, as the pass that writes did."""
    # Columns that no expression needs are not parsed, and what is not parsed is never rejected.
    whole_row = F.length(F.to_json(F.struct(*(F.col(quoted(column)) for column in columns))))
    groups = (
        rows.groupBy(index, F.col(rejected).isNotNull().alias("is_rejected"))
        .agg(F.count(F.lit(1)).alias("rows"), F.sum(whole_row).alias("length"))
        .collect()
    )
    counts: dict[bool, dict[int, int]] = {False: {}, True: {}}
    for group in groups:
        counts[group["is_rejected"]][group[index]] = group["rows"]
    return FileCounts(read=counts[False], rejected=counts[True])


def _by_index(histogram: Sequence[Any] | None) -> dict[int, int]:
    counts: dict[int, int] = {}
    for bin_ in histogram or ():
        index = round(bin_["x"])
        counts[index] = counts.get(index, 0) + round(bin_["y"])
    return counts
