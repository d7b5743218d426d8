"""Stores: the start of a file, and whether it is still the file that was listed."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from executor.errors import AttemptFailed
from executor.lease import Category, LeasedFile
from executor.storage import FileTrouble, LocalStore, S3Store, Store, open_store
from tests.executor.bucket import Bucket
from tests.executor.lake import leased, write_lines
from tests.servers.server import S3Keys


def categories(store: Store, files: list[LeasedFile]) -> list[Category | None]:
    return [trouble.category if trouble else None for trouble in store.troubles(files)]


def test_a_local_file_is_told_from_what_became_of_it(tmp_path: Path) -> None:
    files = [leased(write_lines(tmp_path / f"{n}.json", [{"id": n}])) for n in range(3)]
    os.unlink(tmp_path / "1.json")
    os.utime(tmp_path / "2.json", ns=(1, 1))
    assert categories(LocalStore(), files) == [None, Category.FILE_MISSING, Category.FILE_CHANGED]
    assert LocalStore().head(files[0], 4) == b'{"id'
    with pytest.raises(FileTrouble):
        LocalStore().head(files[1], 4)


def test_an_object_is_told_from_what_became_of_it(bucket: Bucket) -> None:
    files = [bucket.put(f"{n}.json", b"{}") for n in range(4)]
    bucket.client.delete_object(Bucket=bucket.name, Key="1.json")
    bucket.put("2.json", b"[]")
    without_etag = dataclasses.replace(files[3], etag="")
    resized = dataclasses.replace(files[3], etag="", size_bytes=7)
    store = open_store(f"s3://{bucket.name}/", s3=bucket.access())
    assert categories(store, [*files, without_etag, resized]) == [
        None,
        Category.FILE_MISSING,
        Category.FILE_CHANGED,
        None,
        None,
        Category.FILE_CHANGED,
    ]
    assert store.head(files[0], 1) == b"{"


def test_an_empty_object_has_an_empty_head(bucket: Bucket) -> None:
    assert S3Store(bucket.access()).head(bucket.put("empty.json", b""), 10) == b""


def test_an_object_that_was_emptied_since_is_a_changed_one(bucket: Bucket) -> None:
    file = bucket.put("f.json", b"{}")
    bucket.put("f.json", b"")
    with pytest.raises(FileTrouble) as trouble:
        S3Store(bucket.access()).head(file, 10)
    assert trouble.value.failure.category is Category.FILE_CHANGED


def test_objects_that_may_be_listed_but_not_read_fail_one_by_one(bucket: Bucket) -> None:
    file = bucket.put("f.json", b"{}")
    store = S3Store(bucket.access(bucket.server.user(bucket.name, "s3:ListBucket")))
    (trouble,) = store.troubles([file])
    assert trouble is not None and trouble.category is Category.PERMISSION
    assert trouble.retryable
    with pytest.raises(FileTrouble):
        store.head(file, 1)


@pytest.mark.parametrize("keys", [S3Keys("AKIAUNKNOWN000000000", "x" * 40), None])
def test_wrong_keys_fail_the_whole_lease_and_are_not_shown(bucket: Bucket, keys: S3Keys | None) -> None:
    file = bucket.put("f.json", b"{}")
    keys = keys or S3Keys(bucket.server.admin.access_key_id, "wrong-secret")
    with pytest.raises(AttemptFailed) as failed:
        S3Store(bucket.access(keys)).troubles([file])
    assert failed.value.failure.category is Category.AUTHENTICATION
    assert keys.secret_access_key not in repr(failed.value.failure)
    assert keys.access_key_id not in repr(failed.value.failure)


def test_a_missing_bucket_and_a_dead_server_fail_the_whole_lease(bucket: Bucket) -> None:
    file = dataclasses.replace(bucket.put("f.json", b"{}"), uri="s3://no-such-bucket-here/f.json")
    with pytest.raises(AttemptFailed) as failed:
        S3Store(bucket.access()).head(file, 1)
    assert failed.value.failure.category is Category.BUCKET_NOT_FOUND
    dead = dataclasses.replace(bucket.access(), endpoint="http://127.0.0.1:9")
    with pytest.raises(AttemptFailed) as failed:
        S3Store(dead).head(file, 1)
    assert failed.value.failure.category is Category.CONNECTIVITY
