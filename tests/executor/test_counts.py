"""Counting rows by file: exact, or known not to be."""

from __future__ import annotations

import zlib

import pytest
from pyspark.sql import functions as F
from pyspark.sql.types import LongType, StructType

from executor import counts, paths
from executor.counts import FileCounts, NotListed
from executor.lease import S3Access
from executor.readers.json_lines import JsonLines
from tests.executor.lake import Lake

SCHEMA = StructType().add("id", LongType())
# Two names with one checksum.
TWINS = ("plumless", "buckeroo")


@pytest.mark.parametrize("files", [1, 5, 300])
def test_both_ways_to_count_agree(lake: Lake, files: int) -> None:
    address = paths.address(f"file://{lake.folder}", s3=S3Access())
    uris = {lake.write(f"{n}.json", [{"id": 1}] * (n % 3) + ["bad"] * (n % 2)).uri: n for n in range(files)}
    rows = (
        JsonLines({})
        .read(
            lake.sessions.loader,
            [address.path(uri) for uri in uris],
            schema=SCHEMA,
            rejected="bad",
            options=address.options,
        )
        .withColumn("name", F.input_file_name())
    )
    names = counts.indexes_by_name(rows, uris, address=address)
    expected = FileCounts(
        read={n: n % 3 for n in range(files) if n % 3}, rejected={n: 1 for n in range(files) if n % 2}
    )
    assert counts.by_grouping(rows, names, name="name", rejected="bad", columns=["id"]) == expected
    passing, observation = counts.observed(rows, name="name", rejected="bad", files=files)
    passing.write.format("noop").mode("overwrite").save()
    assert counts.of_observation(observation, names) == expected
    if files > 1:
        assert counts.of_observation(observation, {name: n for name, n in names.items() if n != 1}) is None


def test_names_that_share_a_checksum_are_not_counted_together(lake: Lake) -> None:
    assert zlib.crc32(TWINS[0].encode()) == zlib.crc32(TWINS[1].encode())
    rows = lake.sessions.loader.range(1).selectExpr("id", "'plumless' AS name", "CAST(NULL AS string) AS bad")
    passing, observation = counts.observed(rows, name="name", rejected="bad", files=2)
    passing.write.format("noop").mode("overwrite").save()
    assert counts.of_observation(observation, {TWINS[0]: 0, TWINS[1]: 1}) is None


def test_a_file_that_spark_hides_is_not_taken_for_an_empty_one(lake: Lake) -> None:
    address = paths.address(f"file://{lake.folder}", s3=S3Access())
    uris = {lake.write(name, [{"id": 1}]).uri: n for n, name in enumerate(("seen.json", "_hidden.json"))}
    rows = JsonLines({}).read(
        lake.sessions.loader,
        [address.path(uri) for uri in uris],
        schema=SCHEMA,
        rejected="bad",
        options=address.options,
    )
    with pytest.raises(NotListed) as absent:
        counts.indexes_by_name(rows, uris, address=address)
    assert absent.value.indexes == {1}
