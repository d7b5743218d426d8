"""Previews: what a load would make of files, told without a trace of it."""

from __future__ import annotations

import base64
import gzip
import json
import os
from collections.abc import Sequence
from typing import Any

import pytest

from executor import glimpse
from executor import preview as previews
from executor.convert_preview import PREVIEW_BYTES_MAX, preview_message
from executor.errors import AttemptFailed
from executor.lease import Category, Format, LeasedFile
from executor.preview import preview
from executor.previewed import Preview, PreviewWork, Row
from executor.schema.words import Change, ChangeKind, Column, OnSchemaChange, SchemaTerms
from tests.executor.lake import RECORDS, Lake, leased, nothing_to_check, write_lines

ID = Column(name="id", type="bigint")
NAME = Column(name="name", type="string")
EVOLVING = SchemaTerms(version=1, on_schema_change=OnSchemaChange.APPEND_NEW_COLUMNS)
CSV = Format(kind="csv")


def shown(lake: Lake, files: Sequence[LeasedFile], *, row_count: int = 20, **changes: Any) -> Preview:
    work = PreviewWork(load=lake.work(files, **changes), row_count=row_count)
    return preview(work, sessions=lake.sessions, check_held=nothing_to_check)


def rows_in(seen: Preview) -> list[dict[str, Any]]:
    return [json.loads(row.json) for row in seen.rows]


def namespaces(lake: Lake) -> set[str]:
    return {row[0] for row in lake.sql("SHOW NAMESPACES IN lake")}


def properties(lake: Lake) -> list[Any]:
    return sorted(lake.sql("SHOW TBLPROPERTIES {t}")) + lake.sql("SELECT * FROM {t}.refs")


def text_file(lake: Lake, name: str, text: str) -> LeasedFile:
    (lake.folder / name).write_text(text)
    return leased(lake.folder / name)


def test_columns_are_inferred_and_rows_shown_and_nothing_is_made(lake: Lake) -> None:
    files = [lake.write("a.json", RECORDS), lake.write("b.json", [{"id": 99, "at": "2026-01-31T12:00:00Z"}])]
    before = namespaces(lake), sorted(lake.folder.rglob("*"))
    seen = shown(lake, files, row_count=12)
    assert [column.name for column in seen.columns] == ["id", "name", "at"]
    assert seen.columns[0] == ID
    assert (seen.table_exists, seen.changes, seen.failure, seen.rejected) == (False, (), None, ())
    assert [(file.records_read, file.failure) for file in seen.files] == [(10, None), (1, None)]
    assert all(file.is_whole for file in seen.files)
    assert [row.index for row in seen.rows] == [0] * 10 + [1]
    assert rows_in(seen)[0] == {"id": 0, "name": "n0", "at": None}
    assert rows_in(seen)[-1]["name"] is None
    assert (namespaces(lake), sorted(lake.folder.rglob("*"))) == before


def test_a_preview_promises_what_the_load_then_does(lake: Lake) -> None:
    files = [lake.write("a.json", RECORDS), lake.write("b.json", [{"id": 7, "more": {"deep": [1.5]}}])]
    seen = shown(lake, files)
    lake.load(files)
    table = lake.sessions.loader.table(lake.sql_name)
    assert [column.name for column in seen.columns] == table.columns
    loaded = lake.sql("SELECT to_json(struct(*), map('ignoreNullFields', 'false')) FROM {t}")
    assert sorted(row.json for row in seen.rows) == sorted(json for (json,) in loaded)


def test_records_that_cannot_be_read_are_shown_with_the_reason(lake: Lake) -> None:
    lines = ['{"id": 1}', '{"id": "A1"}', '{"id": 2', '{"id": 3}']
    seen = shown(lake, [lake.write("good.json", [{"id": 0}]), lake.write("bad.json", lines)], columns=(ID,))
    assert [(one.index, one.record, one.content) for one in seen.rejected] == [
        (1, 2, '{"id": "A1"}'),
        (1, 3, '{"id": 2'),
    ]
    assert "`id`" in seen.rejected[0].reason
    assert (seen.files[1].records_read, seen.files[1].records_rejected) == (4, 2)
    assert seen.files[1].failure is None
    assert [row["id"] for row in rows_in(seen)] == [0, 1, 3]


def test_a_record_that_is_no_text_is_shown_in_base64(lake: Lake) -> None:
    (lake.folder / "latin.json").write_bytes('{"id": 5, "name": "é"}\n'.encode("latin-1"))
    seen = shown(lake, [leased(lake.folder / "latin.json")], columns=(ID, NAME))
    (one,) = seen.rejected
    assert base64.b64decode(one.content) == '{"id": 5, "name": "é"}'.encode("latin-1")
    assert "not UTF-8" in one.reason


def test_rows_and_records_are_no_more_than_were_asked_for(lake: Lake) -> None:
    files = [lake.write(f"{n}.json", [*RECORDS[:3], "{", "{", "{"]) for n in range(3)]
    seen = shown(lake, files, columns=(ID,), row_count=4)
    assert [row.index for row in seen.rows] == [0, 0, 0, 1]
    assert [one.index for one in seen.rejected] == [0, 0, 0, 1]


def test_a_broken_file_a_missing_one_and_one_with_a_bad_name_say_so_and_spare_the_others(lake: Lake) -> None:
    cut = lake.folder / "cut.json.gz"
    good = lake.write("good.json", RECORDS)
    cut.write_bytes(gzip.compress(json.dumps(RECORDS).encode())[:-20])
    missing = lake.write("missing.json", RECORDS)
    os.unlink(lake.folder / "missing.json")
    seen = shown(lake, [good, leased(cut), missing, lake.write("_hidden.json", RECORDS)])
    assert [file.failure and file.failure.category for file in seen.files] == [
        None,
        Category.DATA_MALFORMED,
        Category.FILE_MISSING,
        Category.NAME_UNSUPPORTED,
    ]
    assert len(seen.rows) == 10


def test_files_without_records_show_nothing(lake: Lake) -> None:
    seen = shown(lake, [lake.write("empty.json", []), lake.write("blank.json", ["", " "])])
    assert (seen.columns, seen.rows, seen.rejected, seen.failure) == ((), (), (), None)
    assert [file.failure for file in seen.files] == [None, None]


def test_changes_of_a_table_are_told_and_not_made(lake: Lake) -> None:
    lake.load([lake.write("a.json", [{"id": 1}])], columns=(Column(name="id", type="int"),))
    before = properties(lake)
    files = [lake.write("b.json", [{"id": 1 << 40, "new": True}])]
    seen = shown(lake, files, columns=(Column(name="id", type="int"),), schema=EVOLVING)
    assert seen.table_exists
    assert set(seen.changes) == {
        Change(kind=ChangeKind.WIDENED, path="id", old_type="int", new_type="bigint"),
        Change(kind=ChangeKind.ADDED, path="new", new_type="boolean"),
    }
    assert rows_in(seen) == [{"id": 1 << 40, "new": True}]
    assert properties(lake) == before
    assert lake.sessions.loader.table(lake.sql_name).columns == ["id"]


def test_a_table_of_others_gets_no_id(lake: Lake) -> None:
    lake.sql(f"CREATE NAMESPACE lake.{lake.table.partition('.')[0]}")
    lake.sql("CREATE TABLE {t} (id bigint, other string) USING iceberg")
    before = properties(lake)
    terms = SchemaTerms(on_schema_change=OnSchemaChange.APPEND_NEW_COLUMNS)
    seen = shown(lake, [lake.write("a.json", RECORDS)], schema=terms)
    assert [column.name for column in seen.columns] == ["id", "other", "name"]
    assert seen.changes == (Change(kind=ChangeKind.ADDED, path="name", new_type="string"),)
    assert properties(lake) == before


def test_a_change_that_waits_for_a_person_is_held_and_its_file_says_so(lake: Lake) -> None:
    terms = SchemaTerms(version=1, on_schema_change=OnSchemaChange.FAIL)
    files = [lake.write("a.json", [{"id": 1}]), lake.write("b.json", RECORDS)]
    seen = shown(lake, files, columns=(ID,), schema=terms)
    assert seen.held == (Change(kind=ChangeKind.ADDED, path="name", new_type="string"),)
    assert seen.changes == ()
    assert seen.files[1].failure and seen.files[1].failure.category is Category.SCHEMA_MISMATCH
    assert rows_in(seen) == [{"id": 1}]


def test_a_field_that_is_left_out_is_told(lake: Lake) -> None:
    terms = SchemaTerms(version=1, on_schema_change=OnSchemaChange.IGNORE)
    seen = shown(lake, [lake.write("a.json", RECORDS)], columns=(ID,), schema=terms)
    assert [(field.path, field.record_count) for field in seen.unknown] == [("name", 10)]


def test_a_table_that_no_file_may_change_is_left_as_it_is(lake: Lake) -> None:
    lake.load([lake.write("a.json", [{"id": 1}])], columns=(ID,))
    files = [lake.write("b.json", RECORDS)]
    seen = shown(lake, files, columns=(ID, NAME))
    assert (seen.changes, seen.failure and seen.failure.category) == ((), Category.SCHEMA_MISMATCH)
    with pytest.raises(AttemptFailed, match="`name` is not in the table"):
        lake.load(files, columns=(ID, NAME))


def test_hints_win_over_what_values_look_like(lake: Lake) -> None:
    terms = SchemaTerms(on_schema_change=OnSchemaChange.APPEND_NEW_COLUMNS, hints=(Column(name="ID", type="string"),))
    seen = shown(lake, [lake.write("a.json", RECORDS)], schema=terms)
    assert seen.columns == (Column(name="id", type="string"), NAME)


@pytest.mark.parametrize("columns", [(Column(name="id", type="string"),), ()])
def test_a_table_that_does_not_take_the_files_says_why(lake: Lake, columns: tuple[Column, ...]) -> None:
    lake.load([lake.write("a.json", [{"id": 1}])], columns=(ID,))
    records = [{"id": "x"}] if columns else [{"something": "else"}]
    seen = shown(lake, [lake.write("b.json", records)], columns=columns, schema=EVOLVING if columns else SchemaTerms())
    assert seen.failure and seen.failure.category is Category.SCHEMA_MISMATCH
    assert lake.table in seen.failure.message
    assert rows_in(seen) == records


def test_of_csv_headers_and_ragged_rows_are_told(lake: Lake) -> None:
    files = [text_file(lake, "a.csv", "id,name\n1,a\n2\n"), text_file(lake, "b.csv", "name,id\nb,3\n")]
    seen = shown(lake, files, format=CSV)
    assert rows_in(seen) == [{"id": 1, "name": "a"}, {"id": 3, "name": "b"}]
    assert (seen.rejected[0].content, "1 values where 2" in seen.rejected[0].reason) == ("2", True)


@pytest.mark.parametrize(
    ("format", "text", "content"),
    [
        (CSV, "id,name\n1,a\nx,b\n", "x,b"),
        (Format(kind="xml", options={"row_tag": "r"}), "<rs><r><id>1</id></r><r><id>x</id></r></rs>", "<id>x</id>"),
        (Format(kind="json", options={"multi_line": True}), '[{"id": 1}, {"id": "x"}]', '"x"'),
    ],
)
def test_a_value_that_does_not_fit_its_column_is_found_in_every_format(
    lake: Lake, format: Format, text: str, content: str
) -> None:
    seen = shown(lake, [text_file(lake, "a", text)], format=format, columns=(ID, NAME))
    assert [row["id"] for row in rows_in(seen)] == [1]
    assert content in seen.rejected[0].content
    assert (seen.files[0].records_read, seen.files[0].records_rejected) == (2, 1)


def test_of_parquet_types_are_those_of_the_files(lake: Lake) -> None:
    folder = lake.folder / "parquet"
    query = "SELECT 1 AS id, date'2026-01-31' AS day, X'00ff' AS raw, CAST(1.5 AS decimal(3,2)) AS price"
    lake.sessions.loader.sql(query).coalesce(1).write.parquet(f"file://{folder}")
    seen = shown(lake, [leased(next(folder.glob("*.parquet")))], format=Format(kind="parquet"))
    assert [column.type for column in seen.columns] == ["int", "date", "binary", "decimal(3,2)"]
    assert rows_in(seen) == [{"id": 1, "day": "2026-01-31", "raw": "AP8=", "price": 1.50}]


def test_of_large_files_only_the_beginnings_are_read(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previews, "WHOLE_BYTES_MAX", 1_000)
    monkeypatch.setattr(glimpse, "RECORDS_MAX", 50)
    seen = shown(lake, [lake.write("a.json", [*RECORDS * 10, "{"])], columns=(ID,))
    assert (seen.files[0].records_read, seen.files[0].records_rejected, seen.files[0].is_whole) == (50, 0, False)


def test_a_line_of_two_values_is_found(lake: Lake) -> None:
    seen = shown(lake, [lake.write("a.json", ['{"id": 1}{"id": 2}'])], columns=(ID,))
    assert [(one.record, one.content) for one in seen.rejected] == [(1, '{"id": 1}{"id": 2}')]


def test_what_does_not_fit_into_a_message_is_left_out_and_told(lake: Lake) -> None:
    seen = shown(lake, [lake.write("a.json", RECORDS)])
    message = preview_message(seen)
    assert (len(message.rows), message.is_truncated) == (10, False)
    large = Row(index=0, json="x" * 60_000)
    message = preview_message(Preview(files=seen.files, columns=seen.columns, rows=(large,) * 1_000))
    assert message.is_truncated
    assert 0.9 * PREVIEW_BYTES_MAX < message.ByteSize() <= PREVIEW_BYTES_MAX


def test_who_is_not_waited_for_stops(lake: Lake) -> None:
    def stop() -> None:
        raise TimeoutError

    work = PreviewWork(load=lake.work([leased(write_lines(lake.folder / "a.json", RECORDS))]), row_count=1)
    with pytest.raises(TimeoutError):
        preview(work, sessions=lake.sessions, check_held=stop)
