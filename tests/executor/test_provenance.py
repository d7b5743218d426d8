"""Metadata columns: each row says where it comes from, and no file has a say in that."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from executor import writing
from executor.errors import AttemptFailed
from executor.lease import Category, Format, LeasedFile, OnBadRecord, UnknownField
from executor.metadata_columns import MetadataColumn, MetadataKind
from executor.preview import preview
from executor.previewed import PreviewWork
from executor.schema.words import Column, OnSchemaChange, SchemaCheck, SchemaTerms
from tests.executor.bucket import Bucket
from tests.executor.lake import INGESTION, Lake, leased, next_version, nothing_to_check

ID = Column(name="id", type="bigint")
EVERY = tuple(MetadataColumn(kind=kind, name=f"_{kind.lower()}") for kind in MetadataKind)
FILE_ALONE = (EVERY[0],)
RUN = f"ingestions/{INGESTION}/runs/1"
# A moment that no clock of milliseconds keeps.
MODIFIED_NS = 1_700_000_000_123_456_000
ODD = ("a b+c%20.json", "ü¤\u2003.json", "x[1]{y}=#&?.json", "p%2Fq/é\u0301.json")
SEEN = SchemaTerms(version=1, on_schema_change=OnSchemaChange.APPEND_NEW_COLUMNS, check=SchemaCheck.FULL)


def written(lake: Lake, name: str, content: bytes) -> LeasedFile:
    path = lake.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, ns=(MODIFIED_NS, MODIFIED_NS))
    return leased(path)


def a_line(number: int) -> bytes:
    return json.dumps({"id": number}).encode() + b"\n"


def origins(lake: Lake) -> list[tuple[Any, ...]]:
    """The rows by their ids: file, microseconds of its modification, seconds of the load, run."""
    return [
        tuple(row)
        for row in lake.sql(
            "SELECT id, _source_file, unix_micros(_source_modification_time), unix_seconds(_load_time), _run "
            "FROM {t} ORDER BY id"
        )
    ]


def assert_told(lake: Lake, files: Sequence[LeasedFile], *, since: datetime) -> None:
    """Row n is of file n."""
    rows = origins(lake)
    assert [row[:3] for row in rows] == [
        (number, file.uri, file.modification_time_ns // 1000) for number, file in enumerate(files)
    ]
    assert {row[4] for row in rows} == {RUN}
    (load_time,) = {row[3] for row in rows}
    assert since - timedelta(seconds=1) <= datetime.fromtimestamp(load_time, UTC) <= datetime.now(UTC)


@pytest.mark.parametrize("on_bad_record", OnBadRecord)
@pytest.mark.parametrize("is_trusted", [True, False])
def test_rows_say_where_they_come_from(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, is_trusted: bool, on_bad_record: OnBadRecord
) -> None:
    if is_trusted:
        monkeypatch.delattr(writing, "rows_of")  # the careful way, which is not to be taken
    else:
        monkeypatch.setattr(writing, "is_trusted", lambda job, schema: False)
    since = datetime.now(UTC)
    files = [written(lake, name, a_line(number)) for number, name in enumerate(ODD)]
    result = lake.load(files, columns=(ID,), metadata_columns=EVERY, on_bad_record=on_bad_record)
    assert result.exceptions == ()
    assert result.records_written == (1, 1, 1, 1)
    assert_told(lake, files, since=since)
    assert [row.col_name for row in lake.sql("DESCRIBE {t}")][:5] == ["id", *(column.name for column in EVERY)]


def test_rows_of_a_bucket_say_where_they_come_from(lake: Lake, bucket: Bucket) -> None:
    since = datetime.now(UTC)
    files = [bucket.put(f"in/{name}", a_line(number)) for number, name in enumerate(ODD)]
    result = lake.load(
        files, columns=(ID,), metadata_columns=EVERY, source_uri=f"s3://{bucket.name}/in", s3=bucket.access()
    )
    assert result.exceptions == ()
    assert_told(lake, files, since=since)


def test_rows_of_csv_and_parquet_say_where_they_come_from(lake: Lake) -> None:
    csv = [written(lake, "a b.csv", b"id,x\n0,a\n"), written(lake, "c.csv", b"x,id\nb,1\n")]
    assert lake.load(csv, format=Format(kind="csv"), metadata_columns=EVERY).exceptions == ()
    path = lake.folder / "d e.parquet"
    parquet.write_table(pyarrow.table({"x": ["c"], "id": [2]}), path)
    result = lake.load([leased(path)], format=Format(kind="parquet"), metadata_columns=EVERY, schema=SEEN)
    assert result.exceptions == ()
    assert [row[:2] for row in origins(lake)] == [
        (number, file.uri) for number, file in enumerate((*csv, leased(path)))
    ]


@pytest.mark.parametrize("columns", [(), (ID,)])
def test_a_field_of_the_same_name_is_left_out_and_named(lake: Lake, columns: tuple[Column, ...]) -> None:
    file = written(lake, "a.json", b'{"id": 0, "_Source_File": 7}\n{"id": 1, "_Source_File": 8}\n')
    result = lake.load([file], columns=columns, metadata_columns=FILE_ALONE, schema=SEEN)
    assert result.unknown_fields == (UnknownField(path="_Source_File", record_count=2),)
    assert [tuple(row) for row in lake.sql("SELECT * FROM {t} ORDER BY id")] == [(0, file.uri), (1, file.uri)]


def test_a_table_without_them_gets_them_whatever_the_policy(lake: Lake) -> None:
    lake.load([written(lake, "a.json", a_line(0))], columns=(ID,))
    later = written(lake, "b.json", a_line(1))
    assert SchemaTerms().on_schema_change is OnSchemaChange.IGNORE
    lake.load([later], columns=(ID,), metadata_columns=FILE_ALONE)
    assert [tuple(row) for row in lake.sql("SELECT * FROM {t} ORDER BY id")] == [(0, None), (1, later.uri)]
    lake.load([written(lake, "c.json", a_line(2))], columns=(ID,))
    assert [row[0] for row in lake.sql("SELECT _source_file FROM {t} WHERE id = 2")] == [None]


def test_what_a_table_has_of_them_is_never_proposed_for_files(lake: Lake) -> None:
    lake.load([written(lake, "a.json", a_line(0))], columns=(ID,), metadata_columns=FILE_ALONE)
    proposed: list[tuple[Column, ...]] = []

    def evolve(columns: tuple[Column, ...], base_version: int, shown_by: Any) -> Any:
        proposed.append(columns)
        return next_version(columns, base_version, shown_by)

    lake.load([written(lake, "b.json", a_line(1))], evolve=evolve, metadata_columns=FILE_ALONE)
    assert proposed == [(ID,)]


def test_a_column_of_another_type_is_never_written_to(lake: Lake) -> None:
    lake.load([written(lake, "a.json", b'{"id": 0, "_source_file": 7}\n')])
    with pytest.raises(AttemptFailed, match="`_source_file` is string and bigint in the table") as failed:
        lake.load([written(lake, "b.json", a_line(1))], columns=(ID,), metadata_columns=FILE_ALONE)
    assert failed.value.failure.category is Category.SCHEMA_MISMATCH


def test_a_preview_shows_what_files_fill(lake: Lake) -> None:
    lake.load([written(lake, "a.json", a_line(0))], columns=(ID,), metadata_columns=FILE_ALONE)
    file = written(lake, "b.json", b'{"id": 1, "_source_file": "mine"}\n')
    work = PreviewWork(load=lake.work([file], metadata_columns=FILE_ALONE), row_count=1)
    seen = preview(work, sessions=lake.sessions, check_held=nothing_to_check)
    assert (seen.columns, seen.changes, seen.failure) == ((ID,), (), None)
    assert [json.loads(row.json) for row in seen.rows] == [{"id": 1}]
    assert seen.unknown == (UnknownField(path="_source_file", record_count=1),)
