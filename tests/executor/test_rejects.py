"""Records that cannot be read are kept beside the table, by the same decision, and never anywhere else."""

from __future__ import annotations

import gzip
import uuid
from pathlib import Path
from typing import Any

import pytest

from executor import rejects
from executor.lease import Category, Format, LeasedFile, OnBadRecord, StageResult
from executor.publish import InDoubt, Published
from executor.schema.words import Column
from tests.executor.lake import INGESTION, Lake, leased

ID_AND_NAME = (Column(name="id", type="bigint"), Column(name="name", type="string"))
ID_AND_AMOUNT = (Column(name="id", type="bigint"), Column(name="amount", type="double"))


def _file(lake: Lake, name: str, content: str | bytes) -> LeasedFile:
    path: Path = lake.folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return leased(path)


def _load(lake: Lake, *files: LeasedFile, **changes: Any) -> StageResult:
    told = {"columns": ID_AND_NAME, "on_bad_record": OnBadRecord.KEEP_ASIDE} | changes
    return lake.load(files, **told)


def _kept(lake: Lake) -> list[tuple[str, int, str, str]]:
    rows = lake.sessions.loader.sql(f"SELECT * FROM {lake.sql_name}__rejects ORDER BY file, record")
    return [(row["file"], row["record"], row["content"], row["reason"]) for row in rows.collect()]


def test_a_broken_line_is_kept_with_its_number_and_the_others_load(lake: Lake) -> None:
    bad = '{"id": 2, "name"'
    lines = _file(lake, "a.json", f'{{"id": 1}}\n\n{bad}\n{{"id": 3}}\n')
    result = _load(lake, lines, lake.write("b.json", [{"id": 4}]))
    assert lake.ids() == [1, 3, 4]
    assert not result.exceptions
    assert result.records_written == (2, 1)
    assert result.rejects is not None and result.rejects.records == (1, 0)
    ((file, record, content, reason),) = _kept(lake)
    assert (file, record, content) == (lines.uri, 3, bad)
    assert "it is not JSON" in reason
    (row,) = lake.sessions.loader.sql(f"SELECT run, time FROM {lake.sql_name}__rejects").collect()
    assert row["run"] == f"ingestions/{INGESTION}/runs/1" and row["time"] is not None


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ('{"id": "A1", "amount": 1.5}', "`id` is bigint"),
        ('{"id": 2, "amount": 1e400}', "beyond its range"),
        ('{"id": 9223372036854775808}', "`id` is bigint"),
        ('{"id": 2} {"id": 3}', "Extra data"),
        ("5", "not an object"),
        ("null", "not an object"),
        ('"text"', "not an object"),
        ("{'id': 2}", "not JSON"),
        ('{"id": NaN}', "not JSON"),
        (r'{"id": 2, "name": "\ud83d"}', "surrogate"),
    ],
)
def test_whatever_is_wrong_with_a_line_it_is_kept_as_it_was(lake: Lake, bad: str, why: str) -> None:
    result = _load(lake, _file(lake, "a.json", f'{{"id": 1}}\n{bad}\n'), columns=ID_AND_AMOUNT)
    assert lake.ids() == [1]
    assert result.rejects is not None and result.rejects.records == (1,)
    ((_, record, content, reason),) = _kept(lake)
    assert (record, content) == (2, bad)
    assert why in reason


def test_bytes_that_are_no_text_are_kept_in_base64(lake: Lake) -> None:
    _load(lake, _file(lake, "a.json", b'{"id": 1}\n{"id": 2, "name": "\xff"}\n'))
    assert lake.ids() == [1]
    ((_, record, content, reason),) = _kept(lake)
    assert (record, content) == (2, "eyJpZCI6IDIsICJuYW1lIjogIv8ifQ==")
    assert reason == rejects.NOT_TEXT


def test_an_element_of_an_array_is_kept_by_its_place(lake: Lake) -> None:
    array = '[{"id": 1}, {"id": "x", "name": "b"}, {"id": 3}]'
    _load(lake, _file(lake, "a.json", array), format=Format(kind="json", options={"multi_line": True}))
    assert lake.ids() == [1, 3]
    assert [kept[1:3] for kept in _kept(lake)] == [(2, '{"id": "x", "name": "b"}')]


def test_an_array_on_a_line_is_as_many_records(lake: Lake) -> None:
    lines = '{"id": 1}\n[{"id": 2}, {"id": "x"}, {"id": 3}, {"amount": 1e400}, null]\n[]\n[{"id": 4}, 5]\n{"id": 5}'
    result = _load(lake, _file(lake, "a.json", lines), columns=ID_AND_AMOUNT)
    assert lake.ids() == [1, 2, 3, 5]
    assert result.rejects is not None and result.rejects.records == (4,)
    assert [record for _, record, _, _ in _kept(lake)] == [2, 2, 2, 4]
    assert {'{"id":"x"}', '[{"id": 4}, 5]'} < {content for _, _, content, _ in _kept(lake)}


def test_numbers_beside_a_bad_record_keep_all_of_their_digits(lake: Lake) -> None:
    columns = (Column(name="id", type="bigint"), Column(name="price", type="decimal(38,18)"))
    price = "12345678901234567890.123456789012345678"
    lines = f'{{"id": 1, "price": {price}}}\nbad\n[{{"id": 2, "price": {price}}}]\n'
    array = f'[{{"id": 3, "price": {price}}}, {{"id": "x"}}]'
    _load(lake, _file(lake, "a.json", lines), columns=columns)
    _load(lake, _file(lake, "b.json", array), columns=columns, format=Format(kind="json", options={"multi_line": True}))
    assert [str(row["price"]) for row in lake.sql("SELECT price FROM {t} ORDER BY id")] == [price] * 3


def test_a_row_of_csv_is_kept_by_its_number_below_the_header(lake: Lake) -> None:
    _load(lake, _file(lake, "a.csv", "name,id\na,1\nb,x\nc,3,4\n\nd,4\n"), format=Format(kind="csv"))
    assert lake.ids() == [1, 4]
    assert [kept[1:3] for kept in _kept(lake)] == [(2, "b,x"), (3, "c,3,4")]


def test_an_element_of_xml_is_kept(lake: Lake) -> None:
    rows = "<rows><row><id>1</id></row><row><id>x</id></row><row><id>3</id></row></rows>"
    _load(lake, _file(lake, "a.xml", rows), format=Format(kind="xml", options={"row_tag": "row"}))
    assert lake.ids() == [1, 3]
    assert [kept[1:3] for kept in _kept(lake)] == [(2, "<row><id>x</id></row>")]


def test_what_is_not_well_formed_fails_as_a_whole(lake: Lake) -> None:
    files = [
        _file(lake, "a.xml", "<rows><row><id>1</id></row><row><id>x</id></row><row><id>3</i"),
        _file(lake, "b.xml", "<rows><row><id>4</id></row></rows>"),
    ]
    result = _load(lake, *files, format=Format(kind="xml", options={"row_tag": "row"}))
    assert lake.ids() == [4]
    assert [exception.index for exception in result.exceptions] == [0]
    assert result.rejects is None


def test_a_line_of_text_is_kept(lake: Lake) -> None:
    columns = (Column(name="value", type="string"),)
    result = _load(lake, _file(lake, "a.txt", b"one\n\xff\nthree\n"), format=Format(kind="text"), columns=columns)
    assert result.records_written == (2,)
    assert [kept[1:3] for kept in _kept(lake)] == [(2, "/w==")]


def test_compressed_files_are_no_other(lake: Lake) -> None:
    _load(lake, _file(lake, "a.json.gz", gzip.compress(b'{"id": 1}\nbad\n{"id": 3}\n')))
    assert lake.ids() == [1, 3]
    assert [kept[1:3] for kept in _kept(lake)] == [(2, "bad")]


def test_a_file_without_any_good_record_fails_and_nothing_of_it_is_kept(lake: Lake) -> None:
    files = [_file(lake, "a.json", "no\nJSON\n"), _file(lake, "b.json", '{"id": 1}\nbad\n')]
    result = _load(lake, *files)
    assert lake.ids() == [1]
    (exception,) = result.exceptions
    assert (exception.index, exception.records_rejected) == (0, 2)
    assert exception.failure.category is Category.DATA_MALFORMED
    assert [kept[:2] for kept in _kept(lake)] == [(files[1].uri, 2)]


def test_files_with_too_many_bad_records_fail(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejects, "RECORDS_MAX", 2)
    files = [_file(lake, "a.json", '{"id": 1}\n' + "bad\n" * 3), _file(lake, "b.json", '{"id": 2}\nbad\n')]
    result = _load(lake, *files)
    assert lake.ids() == [2]
    assert [exception.index for exception in result.exceptions] == [0]
    assert len(_kept(lake)) == 1


def test_files_with_too_long_bad_records_fail(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejects, "BYTES_MAX", 20)
    files = [_file(lake, "a.json", '{"id": 1}\n' + "x" * 30), _file(lake, "b.json", '{"id": 2}\nbad\n')]
    result = _load(lake, *files)
    assert lake.ids() == [2]
    assert [exception.index for exception in result.exceptions] == [0]
    assert len(_kept(lake)) == 1


def test_nothing_is_seen_before_the_publication_and_all_of_it_after(lake: Lake) -> None:
    lease_id = str(uuid.uuid4())
    file = _file(lake, "a.json", '{"id": 1}\nbad\n')
    result = lake.stage([file], lease_id=lease_id, columns=ID_AND_NAME, on_bad_record=OnBadRecord.KEEP_ASIDE)
    assert result.rejects is not None
    assert (lake.ids(), _kept(lake)) == ([], [])
    for _ in range(2):
        published = lake.publish(result.staged, rejects=result.rejects.staged, lease_id=lease_id)
        assert isinstance(published, Published) and published.rejects_snapshot_id
        assert (lake.ids(), len(_kept(lake))) == ([1], 1)


def test_rejects_that_were_lost_beside_rows_that_are_in_main_are_in_doubt(lake: Lake) -> None:
    lease_id = str(uuid.uuid4())
    file = _file(lake, "a.json", '{"id": 1}\nbad\n')
    result = lake.stage([file], lease_id=lease_id, columns=ID_AND_NAME, on_bad_record=OnBadRecord.KEEP_ASIDE)
    assert result.rejects is not None
    lake.sessions.loader.sql(f"DROP TABLE {lake.sql_name}__rejects")
    assert isinstance(lake.publish(result.staged, rejects=result.rejects.staged, lease_id=lease_id), InDoubt)
    assert lake.ids() == [1]


def test_a_good_lease_makes_no_table_of_rejects(lake: Lake) -> None:
    result = _load(lake, lake.write("a.json", [{"id": 1}]))
    assert result.rejects is None
    assert not lake.sessions.loader.catalog.tableExists(f"{lake.sql_name}__rejects")


def test_a_table_of_another_making_is_not_written_to(lake: Lake) -> None:
    _load(lake, lake.write("a.json", [{"id": 1}]))
    lake.sessions.loader.sql(f"CREATE TABLE {lake.sql_name}__rejects (note string) USING iceberg")
    with pytest.raises(Exception, match="lacks some of its columns"):
        _load(lake, _file(lake, "b.json", '{"id": 2}\nbad\n'))
    assert lake.ids() == [1]
