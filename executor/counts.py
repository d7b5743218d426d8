"""Exact numbers of rows read and rejected of each file, taken in the pass that writes them.

Each row gets a number, made of its file's name: a histogram of it with a bin for every number,
observed while rows pass, has the count of each file. A recomputed stage can pass rows twice: a
count is only good if its sum equals what the snapshot says was added.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame, Observation
from pyspark.sql import functions as F

from executor.errors import attempt_failed
from executor.lease import Category
from executor.paths import Address
from executor.sql import quoted

_SPARE_BINS = 64
_COUNTS = "counts"


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


def indexes_by_name(rows: DataFrame, indexes: Mapping[str, int], *, address: Address) -> dict[str, int]:
    """Indexes of files by the names under which Spark reads them, of indexes by uri.

    Raises NotListed when Spark's listing lacks one of the files: it would be loaded as empty.
    """
    listed = rows.inputFiles()
    found = {name: indexes[uri] for name in listed if (uri := address.uri(name)) in indexes}
    if absent := set(indexes.values()) - set(found.values()):
        raise NotListed(absent)
    if len(listed) != len(indexes):
        raise attempt_failed(
            Category.NAME_UNSUPPORTED,
            f"Spark lists {len(listed)} files where {len(indexes)} were asked for.",
            retryable=False,
        )
    return found


def observed(rows: DataFrame, *, name: str, rejected: str, files: int) -> tuple[DataFrame, Observation]:
    """Rows that are counted as they pass, by the names of their files."""
    observation = Observation(_COUNTS)
    # The sum of a name costs a tenth of the name itself, which would be copied into each row.
    number = F.crc32(F.col(name))
    signed = F.when(F.col(rejected).isNull(), number).otherwise(-1 - number)
    rows = rows.withColumn(_COUNTS, signed.cast("double")).observe(
        # As text, since Spark takes 50 ms to bring a thousand rows out of an observation.
        observation,
        F.to_json(F.histogram_numeric(_COUNTS, F.lit(2 * files + _SPARE_BINS))).alias(_COUNTS),
    )
    return rows.drop(_COUNTS, name), observation


def of_observation(observation: Observation, indexes: Mapping[str, int]) -> FileCounts | None:
    """The counts by index, of indexes by name; None when two names share a number, or one is not known."""
    by_number = {zlib.crc32(name.encode()): index for name, index in indexes.items()}
    if len(by_number) != len(indexes):
        return None
    read: dict[int, int] = {}
    rejected: dict[int, int] = {}
    for bin_ in json.loads(observation.get[_COUNTS] or "[]"):
        number, rows = round(bin_["x"]), round(bin_["y"])
        of_kind = read if number >= 0 else rejected
        index = by_number.get(number if number >= 0 else -1 - number)
        if index is None:
            return None
        of_kind[index] = of_kind.get(index, 0) + rows
    return FileCounts(read=read, rejected=rejected)


def by_grouping(
    rows: DataFrame, indexes: Mapping[str, int], *, name: str, rejected: str, columns: Sequence[str]
) -> FileCounts:
    """Counts in a pass of its own, which reads every column, as the pass that writes did."""
    # Columns that no expression needs are not parsed, and what is not parsed is never rejected.
    whole_row = F.length(F.to_json(F.struct(*(F.col(quoted(column)) for column in columns))))
    groups = (
        rows.groupBy(F.col(name).alias("name"), F.col(rejected).isNotNull().alias("is_rejected"))
        .agg(F.count(F.lit(1)).alias("rows"), F.sum(whole_row).alias("length"))
        .collect()
    )
    counts: dict[bool, dict[int, int]] = {False: {}, True: {}}
    for group in groups:
        counts[group["is_rejected"]][indexes[group["name"]]] = group["rows"]
    return FileCounts(read=counts[False], rejected=counts[True])
