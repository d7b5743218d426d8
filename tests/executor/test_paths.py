"""Paths: Spark is told exact names, tells them back, and keeps keys apart."""

from __future__ import annotations

import pytest
from pyspark.sql.types import LongType, StructType

from executor import paths
from executor.lease import Category, S3Access
from executor.readers.json_lines import JsonLines
from executor.spark import Sessions
from tests.executor.bucket import Bucket
from tests.executor.lake import Lake
from tests.executor.test_load import AWKWARD_NAMES

ODD_SPACES = ["nb\u00a0sp.json", "line\u2028sep.json", "c1\u0085.json", "del\x7f.json", "q^`|.json", "<>.json"]


@pytest.mark.parametrize("name", [*AWKWARD_NAMES, *ODD_SPACES])
def test_sparks_name_of_a_file_is_known_and_leads_back(lake: Lake, name: str) -> None:
    address = paths.address(f"file://{lake.folder}", s3=S3Access())
    uri = lake.write(name, [{"id": 1}]).uri
    schema = StructType().add("id", LongType())
    rows = JsonLines({}).read(
        lake.sessions.loader, [address.path(uri)], schema=schema, rejected="bad", options=address.options
    )
    (row,) = rows.selectExpr("input_file_name()").collect()
    assert row[0] == address.name(uri)
    assert rows.inputFiles() == [address.name(uri)]
    assert address.uri(row[0]) == uri


# The last one is as long as a key may be, and no name of a file.
OBJECT_NAMES = [*(name for name in AWKWARD_NAMES if "\n" not in name and "\r" not in name), "k" * 1_019 + ".json"]


def test_objects_load_by_their_exact_names(lake: Lake, bucket: Bucket) -> None:
    files = [bucket.put(name, b'{"id": %d}\n' % n * (n + 1)) for n, name in enumerate(OBJECT_NAMES)]
    result = lake.load(files, source_uri=f"s3://{bucket.name}/", s3=bucket.access())
    assert result.exceptions == ()
    assert result.records_written == tuple(range(1, len(files) + 1))


def test_object_names_that_hadoop_would_change_fail_by_name(lake: Lake, bucket: Bucket) -> None:
    files = [bucket.put(name, b'{"id": 7}') for name in ("a//b.json", "a/../x.json", "a/./x.json", "/x.json")]
    good = bucket.put("x.json", b'{"id": 1}')
    result = lake.load([*files, good], source_uri=f"s3://{bucket.name}/", s3=bucket.access())
    assert [one.failure.category for one in result.exceptions] == [Category.NAME_UNSUPPORTED] * 4
    assert lake.ids() == [1]


def test_two_keys_for_one_bucket_do_not_mix_on_warm_sessions(lake: Lake, bucket: Bucket, sessions: Sessions) -> None:
    source = f"s3://{bucket.name}/"
    large = b"".join(b'{"id": %d}\n' % n for n in range(300_000))
    files = [bucket.put("large.json", large)]
    allowed, forbidden = (bucket.access(bucket.server.user(bucket.name, *rights)) for rights in RIGHTS)
    for _ in range(2):
        assert lake.stage(files, source_uri=source, s3=allowed).records_written == (300_000,)
        refused = lake.stage(files, source_uri=source, s3=forbidden)
        assert [one.failure.category for one in refused.exceptions] == [Category.PERMISSION]
        address = paths.address(source, s3=forbidden)
        with pytest.raises(Exception, match="403"):
            sessions.loader.read.options(**address.options).text(address.path(files[0].uri)).count()


RIGHTS = [("s3:GetObject", "s3:ListBucket"), ("s3:ListBucket",)]


def test_an_object_that_is_gone_or_changed_is_told_apart(lake: Lake, bucket: Bucket) -> None:
    files = [bucket.put(f"{n}.json", b'{"id": %d}' % n) for n in range(3)]
    bucket.client.delete_object(Bucket=bucket.name, Key="0.json")
    bucket.put("1.json", b'{"id": 9}')
    result = lake.load(files, source_uri=f"s3://{bucket.name}/", s3=bucket.access())
    assert [one.failure.category for one in result.exceptions] == [Category.FILE_MISSING, Category.FILE_CHANGED]
    assert lake.ids() == [2]


def test_a_name_of_a_bucket_is_no_name_of_a_folder() -> None:
    assert paths.name_trouble("s3://bucket/_x/y.json") is None
    trouble = paths.name_trouble("s3://bucket/x/_y.json")
    assert trouble is not None and trouble.category is Category.NAME_UNSUPPORTED
