"""What leases leave beside their table: whole, by attempt, and out of the way of Iceberg's own maintenance."""

from __future__ import annotations

import gzip
import os
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from executor.beside import CatalogObjects, LocalObjects, Objects, objects_beside
from executor.errors import AttemptFailed
from executor.lease import Category, Failure, FileOutcome, LeasedFile, Outcome, StagedTable
from executor.manifests import (
    Manifest,
    Marker,
    Unreadable,
    decode_manifest,
    encode_manifest,
    leave_manifest,
    leave_marker,
    name_of,
    now_ms,
)
from executor.metadata import leases_since, read_state
from executor.remains import Remains
from tests.executor.lake import INGESTION, RECORDS, Lake


def a_manifest(*, files: int = 2, **changes: Any) -> Manifest:
    """Of files with one row each, of which the last could not be read."""
    failure = Failure(category=Category.DATA_MALFORMED, message="Zeile 7 ist kein JSON — é", cause="raw")
    whole: dict[str, Any] = {
        "ingestion": INGESTION,
        "lease_id": str(uuid.uuid4()),
        "attempt": str(uuid.uuid4()),
        "time_ms": now_ms(),
        "staged": StagedTable(
            table="lake.shop.orders",
            table_uuid="a-table",
            base_snapshot_id=11,
            staged_snapshot_id=22,
            records_added=files - 1,
        ),
        "files": tuple(
            LeasedFile(uri=f"s3://b/ä {n}.json", size_bytes=n, etag=f"e{n}", modification_time_ns=n)
            for n in range(files)
        ),
        "records_written": (*([1] * (files - 1)), 0),
        "exceptions": (FileOutcome(index=files - 1, outcome=Outcome.FAILED, failure=failure, records_rejected=3),),
    }
    return Manifest(**whole | changes)


def objects_of(lake: Lake) -> Objects:
    state = read_state(lake.sessions.loader, lake.sql_name)
    assert state is not None
    return objects_beside(state.location, spark=lake.sessions.loader, table_sql=lake.sql_name)


def remains_of(lake: Lake) -> Remains:
    remains = Remains(objects_of(lake))
    remains.list_names()
    return remains


def folder_of(lake: Lake) -> Path:
    """The table's folder of manifests."""
    state = read_state(lake.sessions.loader, lake.sql_name)
    assert state is not None
    return Path(state.location.removeprefix("file:")) / "_autoloader"


def test_a_manifest_is_read_as_it_was_written() -> None:
    manifest = a_manifest()
    name = name_of(manifest.name)
    assert name is not None
    assert decode_manifest(gzip.compress(encode_manifest(manifest).encode()), name) == manifest


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "not whole"),
        (b'{"format": 1, "lease', "not whole"),
        (b"\x1f\x8b\x08", "not whole"),
        (gzip.compress(b'{"format": 1}', mtime=0)[:-6], "not whole"),
        (b"[1]", "no object"),
        (b'{"format": 2}', "format 2"),
        (b'{"format": 1}', "lacks"),
        (encode_manifest(a_manifest()).encode(), "not of where it is"),
        (encode_manifest(a_manifest(records_written=(5, 0))).encode(), "do not sum"),
    ],
)
def test_what_is_no_manifest_is_told_from_one(content: bytes, what: str) -> None:
    name = name_of(a_manifest().name)
    assert name is not None
    with pytest.raises(Unreadable, match=what):
        decode_manifest(content, name)


def test_a_lease_leaves_a_manifest_before_its_decision_and_a_mark_once_published(lake: Lake) -> None:
    lease_id = str(uuid.uuid4())
    files = [lake.write("good.json", RECORDS), lake.write("bad.json", ["{"])]
    result = lake.stage(files, lease_id=lease_id)
    left = remains_of(lake).read([lease_id])[lease_id]
    (manifest,) = left.manifests
    assert manifest.staged == result.staged
    assert (manifest.files, manifest.records_written) == (tuple(files), (10, 0))
    assert manifest.exceptions == result.exceptions
    assert left.marker is None

    lake.publish(result.staged, lease_id=lease_id)
    marked = remains_of(lake).read([lease_id])[lease_id].marker
    assert marked == Marker(staged_snapshot_id=result.staged.staged_snapshot_id, published_snapshot_id=lake.head())


def test_each_attempt_at_a_lease_leaves_a_manifest_of_its_own(lake: Lake) -> None:
    lease_id = str(uuid.uuid4())
    file = lake.write("ten.json", RECORDS)
    staged = [lake.stage([file], lease_id=lease_id).staged.staged_snapshot_id for _ in range(2)]
    left = remains_of(lake).read([lease_id])[lease_id]
    assert {manifest.staged.staged_snapshot_id for manifest in left.manifests} == set(staged)
    found = left.manifest_of(staged[1:], table_id=left.manifests[0].staged.table_uuid)
    assert found is not None and found.staged.staged_snapshot_id == staged[1]
    assert left.manifest_of(staged, table_id="another") is None


def test_a_lease_without_rows_leaves_nothing(lake: Lake) -> None:
    lake.load([lake.write("one.json", [{"id": 1}])])
    before = sorted(objects_of(lake).names())
    lake.load([lake.write("empty.json", []), lake.write("bad.json", ["{"])])
    assert sorted(objects_of(lake).names()) == before


def test_a_manifest_that_cannot_be_written_fails_the_attempt_for_another_try(lake: Lake) -> None:
    lake.load([lake.write("one.json", [{"id": 1}])])
    folder = folder_of(lake)
    folder.rename(folder.with_name("aside"))
    folder.write_text("no folder")
    with pytest.raises(AttemptFailed) as failed:
        lake.stage([lake.write("two.json", [{"id": 2}])])
    assert (failed.value.failure.category, failed.value.failure.retryable) == (Category.WRITE_FAILURE, True)
    folder.unlink()


def test_a_mark_that_cannot_be_left_does_not_undo_the_publication(lake: Lake) -> None:
    lease_id = str(uuid.uuid4())
    staged = lake.stage([lake.write("one.json", [{"id": 1}])], lease_id=lease_id).staged
    (folder_of(lake) / INGESTION / lease_id / "published.json").mkdir()
    lake.publish(staged, lease_id=lease_id)
    assert lake.ids() == [1]


# With prefix_listing Iceberg tells hidden names only below a location that is spelled as Hadoop spells it: `file:/`.
@pytest.mark.parametrize(("prefix_listing", "scheme"), [("false", "file://"), ("true", "file:")])
def test_iceberg_s_removal_of_orphan_files_spares_them(lake: Lake, prefix_listing: str, scheme: str) -> None:
    lake.load([lake.write("one.json", [{"id": 1}])])
    folder = folder_of(lake)
    orphan = folder.parent / "data" / "orphan.parquet"
    orphan.write_bytes(b"")
    left = sorted(path for path in folder.rglob("*") if path.is_file())
    long_ago = time.time() - 10 * 24 * 3600
    for path in (orphan, *left):
        os.utime(path, (long_ago, long_ago))
    two_days_ago = datetime.now(UTC) - timedelta(days=2)
    lake.sql(
        f"CALL lake.system.remove_orphan_files(table => '{lake.table}', prefix_listing => {prefix_listing}, "
        f"location => '{scheme}{folder.resolve().parent}', "
        f"older_than => TIMESTAMP '{two_days_ago:%Y-%m-%d %H:%M:%S}')"
    )
    assert not orphan.exists()
    assert sorted(path for path in folder.rglob("*") if path.is_file()) == left
    assert len(left) == 2


def test_foreign_and_broken_objects_are_named_and_passed_over(lake: Lake) -> None:
    lease_id, broken = str(uuid.uuid4()), str(uuid.uuid4())
    lake.load([lake.write("one.json", [{"id": 1}])])
    folder = folder_of(lake)
    good = a_manifest(lease_id=lease_id)
    leave_manifest(good, objects_of(lake))
    whole = gzip.compress(encode_manifest(a_manifest(lease_id=broken)).encode())
    (folder / INGESTION / broken).mkdir()
    (folder / INGESTION / broken / f"{uuid.uuid4()}.json.gz").write_bytes(whole[:-20])
    (folder / INGESTION / broken / ".published.json.crc").write_bytes(b"crc")
    (folder / "notes.txt").write_text("hello")
    remains = remains_of(lake)
    left = remains.read([lease_id, broken])
    assert left[lease_id].manifests == (good,)
    assert left[broken].manifests == ()
    assert [trouble.partition(":")[2] for trouble in remains.troubles] == [
        " is none of Autoloader's; move it away",
        " is not whole (EOFError: Compressed file ended before the end-of-stream marker was reached); "
        "it was passed over",
    ]


@pytest.mark.parametrize("kind", ["local", "catalog"])
def test_a_manifest_of_5000_files_comes_back_whole(lake: Lake, kind: str) -> None:
    lake.load([lake.write("one.json", [{"id": 1}])])
    objects = objects_of(lake)
    assert isinstance(objects, LocalObjects)
    if kind == "catalog":
        objects = CatalogObjects(lake.sessions.loader, lake.sql_name, f"file:{folder_of(lake)}")
    manifest = a_manifest(files=5_000)
    leave_manifest(manifest, objects)
    leave_marker(
        Marker(staged_snapshot_id=22, published_snapshot_id=33),
        objects,
        ingestion=INGESTION,
        lease_id=manifest.lease_id,
    )
    remains = Remains(objects)
    remains.list_names()
    left = remains.read([manifest.lease_id])[manifest.lease_id]
    assert left.manifests == (manifest,)
    assert left.marker == Marker(staged_snapshot_id=22, published_snapshot_id=33)
    assert remains.troubles == []
    assert remains.ingestion_of(manifest.lease_id) == INGESTION


def test_a_folder_that_is_not_there_has_nothing(lake: Lake) -> None:
    lake.load([lake.write("one.json", [{"id": 1}])])
    root = f"file:{folder_of(lake).parent / 'elsewhere'}"
    assert list(CatalogObjects(lake.sessions.loader, lake.sql_name, root).names()) == []
    assert list(LocalObjects(Path(root.removeprefix("file:"))).names()) == []


def test_the_leases_in_main_are_those_after_the_snapshot_that_was_verified(lake: Lake) -> None:
    leases = [str(uuid.uuid4()) for _ in range(4)]
    heads = []
    for number, lease_id in enumerate(leases):
        staged = lake.stage([lake.write(f"{number}.json", [{"id": number}])], lease_id=lease_id).staged
        if number == 2:  # so that the next is picked, not forwarded to
            lake.sql(f"INSERT INTO {lake.sql_name} (id) VALUES (100)")
        lake.publish(staged, lease_id=lease_id)
        heads.append(lake.head())
    state = read_state(lake.sessions.loader, lake.sql_name)
    assert state is not None
    assert leases_since(state, 0) == tuple(reversed(leases))
    assert leases_since(state, heads[1]) == (leases[3], leases[2])
    assert leases_since(state, heads[3]) == ()
    # What is not in main is never met: all of it is looked at.
    assert leases_since(state, 12345) == tuple(reversed(leases))

    result = lake.stage([lake.write("more.json", [{"id": 9}])], verified_snapshot_id=heads[2])
    assert result.leases_in_main == (leases[3],)


def test_a_stranger_s_publication_is_no_lease(lake: Lake) -> None:
    lake.load([lake.write("one.json", [{"id": 1}])])
    stranger = lake.sessions.new_loader()
    lake.sql("ALTER TABLE {t} SET TBLPROPERTIES ('write.wap.enabled' = 'true')")
    stranger.conf.set("spark.wap.id", str(uuid.uuid4()))
    stranger.sql(f"INSERT INTO {lake.sql_name} (id) VALUES (7)")
    (staged,) = lake.sql("SELECT snapshot_id FROM {t}.snapshots ORDER BY committed_at DESC LIMIT 1")
    lake.sql(f"INSERT INTO {lake.sql_name} (id) VALUES (8)")
    lake.sql(f"CALL lake.system.cherrypick_snapshot('{lake.table}', {staged[0]})")
    assert lake.ids() == [1, 7, 8]
    state = read_state(lake.sessions.loader, lake.sql_name)
    assert state is not None
    assert len(leases_since(state, 0)) == 1


def test_a_lease_that_is_in_main_already_was_forgotten_by_the_ledger(lake: Lake) -> None:
    lease_id = str(uuid.uuid4())
    staged = lake.stage([lake.write("one.json", [{"id": 1}])], lease_id=lease_id).staged
    lake.publish(staged, lease_id=lease_id)
    with pytest.raises(AttemptFailed) as failed:
        lake.stage([lake.write("two.json", [{"id": 2}])], lease_id=lease_id)
    assert failed.value.failure.category is Category.TABLE_SEALED
