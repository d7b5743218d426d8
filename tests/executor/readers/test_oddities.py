"""What is odd about single formats: each is read as its rule says, or its file says why not."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pyarrow
import pytest
from pyarrow import orc

from executor.lease import Category, Format, LeasedFile, StageResult
from executor.schema.words import Column
from tests.executor.lake import Lake, leased

ID = Column(name="id", type="bigint")
NAME = Column(name="name", type="string")


def put(lake: Lake, name: str, content: bytes) -> LeasedFile:
    path = lake.folder / name
    path.write_bytes(content)
    return leased(path)


def load(
    lake: Lake, kind: str, *contents: bytes, columns: tuple[Column, ...] = (), **options: str | bool
) -> StageResult:
    files = [put(lake, f"{number}.{kind}", content) for number, content in enumerate(contents)]
    return lake.load(files, format=Format(kind=kind, options=options), columns=columns)


def rows(lake: Lake) -> list[tuple[Any, ...]]:
    return sorted(tuple(row) for row in lake.sql("SELECT * FROM {t}"))


def said(result: StageResult) -> str:
    (failed,) = result.exceptions
    assert failed.failure.category is Category.DATA_MALFORMED
    return f"{failed.failure.message} {failed.failure.cause}"


def test_csv_values_may_hold_delimiters_quotes_and_line_ends(lake: Lake) -> None:
    load(lake, "csv", b'id,name\r\n1,"a,b"\r\n2,"say ""x"""\r\n3,"two\nlines"\r\n4,\r\n5,""\r\n')
    assert rows(lake) == [(1, "a,b"), (2, 'say "x"'), (3, "two\nlines"), (4, None), (5, None)]


def test_csv_has_the_signs_that_it_is_said_to_have(lake: Lake) -> None:
    content = b"# made by hand\nid\tname\n1\t'a\\'b'\n2\tNA\n"
    load(lake, "csv", content, delimiter="\t", quote="'", escape="\\", comment="#", null_value="NA")
    assert rows(lake) == [(1, "a'b"), (2, None)]


@pytest.mark.parametrize("encoding", ["ISO-8859-1", "UTF-16LE", "UTF-16"])
def test_csv_of_a_declared_encoding_is_read(lake: Lake, encoding: str) -> None:
    load(lake, "csv", "id,name\n1,café\n".encode(encoding), encoding=encoding)
    assert rows(lake) == [(1, "café")]


@pytest.mark.parametrize(
    "content", ["id,name\n1,café\n".encode("latin-1"), "id,name\n1,x\n".encode("utf-16"), b"id,na\xffme\n1,x\n"]
)
def test_csv_of_another_encoding_fails_and_has_no_replaced_characters(lake: Lake, content: bytes) -> None:
    said(load(lake, "csv", content, columns=(ID, NAME)))


def test_csv_without_a_header_is_named_by_position(lake: Lake) -> None:
    load(lake, "csv", b"1,a\n2,b\n", header=False)
    assert [row[0] for row in lake.sql("DESCRIBE {t}")][:2] == ["_c0", "_c1"]
    assert rows(lake) == [(1, "a"), (2, "b")]


def test_csv_without_a_header_has_the_declared_columns_in_their_order(lake: Lake) -> None:
    load(lake, "csv", b"1,a\n", header=False, columns=(ID, NAME))
    assert lake.sql("SELECT id, name FROM {t}") == [(1, "a")]


@pytest.mark.parametrize("row", [b"2", b"2,b,c"])
def test_a_ragged_row_fails_its_file(lake: Lake, row: bytes) -> None:
    assert "cannot be read" in said(load(lake, "csv", b"id,name\n1,a\n" + row + b"\n", columns=(ID, NAME)))


@pytest.mark.parametrize("row", [b'2,"open\n3,x', b'2,"a"b'])
def test_a_quote_that_is_not_closed_swallows_no_row(lake: Lake, row: bytes) -> None:
    said(load(lake, "csv", b"id,name\n1,a\n" + row + b"\n", columns=(ID, NAME)))


def test_a_header_with_a_name_twice_fails_its_file(lake: Lake) -> None:
    assert "`ID` twice" in said(load(lake, "csv", b"id,ID\n1,2\n"))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("bigint", "9223372036854775808"),
        ("bigint", "1.5"),
        ("double", "1e400"),
        ("date", "2026-02-30"),
        ("boolean", "2"),
    ],
)
def test_a_csv_value_that_its_column_cannot_hold_fails_its_file(lake: Lake, kind: str, value: str) -> None:
    columns = (ID, Column(name="v", type=kind))
    assert "1 of 2 records" in said(load(lake, "csv", f"id,v\n1,\n2,{value}\n".encode(), columns=columns))


def test_numbers_that_lose_digits_stay_text(lake: Lake) -> None:
    load(lake, "csv", b"zip,long,exact\n00123,0.12345678901234567890,1.5\n")
    assert rows(lake) == [("00123", "0.12345678901234567890", 1.5)]


def test_documents_are_an_object_or_an_array_of_objects(lake: Lake) -> None:
    contents = [b'{"id": 1,\n "name": "a"}', b'[{"id": 2}, {"id": 3, "name": "c"}]', b"[]", b"", b"\xef\xbb\xbf  \n"]
    result = load(lake, "json", *contents, multi_line=True)
    assert (result.records_written, result.exceptions) == ((1, 2, 0, 0, 0), ())
    assert rows(lake) == [(1, "a"), (2, None), (3, "c")]


@pytest.mark.parametrize("content", [b'{"id": 1}{"id": 2}', b'{"id": 1} x', b'[{"id": 1}', b"7", b'{"id": "A1"}'])
def test_a_document_of_which_something_would_be_lost_fails(lake: Lake, content: bytes) -> None:
    said(load(lake, "json", content, multi_line=True, columns=(ID,)))


def test_xml_has_attributes_elements_and_repeated_ones(lake: Lake) -> None:
    content = b'<r><o n="1"><tag>a</tag><tag>b</tag><in><x>1</x></in></o><o n="2"><tag>c</tag></o></r>'
    assert not load(lake, "xml", content, row_tag="o").exceptions
    found = lake.sql("SELECT _n, tag, in.x FROM {t} ORDER BY _n")
    assert [tuple(row) for row in found] == [(1, ["a", "b"], 1), (2, ["c"], None)]


@pytest.mark.parametrize(
    "content",
    [
        b"<r><o><id>1</id><id>2</id></o></r>",
        b"<r><o><id>1</id></o><o><id>2</id>",
        b"<r><o><id>1</id></o></p>",
        b"<r><o><id>A1</id></o></r>",
        b"<r><o><id>1</id><name>\xff</name></o></r>",
    ],
)
def test_xml_of_which_something_would_be_lost_fails(lake: Lake, content: bytes) -> None:
    said(load(lake, "xml", content, row_tag="o", columns=(ID, NAME)))


def test_text_is_a_line_or_a_file_a_record(lake: Lake) -> None:
    load(lake, "text", b"one\n\nthree")
    assert rows(lake) == [("",), ("one",), ("three",)]
    load(lake, "text", b"all\nof it\n", whole_file=True)
    assert ("all\nof it\n",) in rows(lake)


@pytest.mark.parametrize("content", [b"caf\xe9\n", "caf\n".encode("utf-16"), "caf\n".encode("utf-16-le")])
def test_text_that_is_not_utf8_fails(lake: Lake, content: bytes) -> None:
    assert "UTF-8" in said(load(lake, "text", content))


@pytest.mark.parametrize("whole_file", [True, False])
def test_text_without_anything_but_a_mark_has_no_records(lake: Lake, whole_file: bool) -> None:
    result = load(lake, "text", b"", b"\xef\xbb\xbf", b"\xef\xbb\xbfone", whole_file=whole_file)
    assert (result.records_written, result.exceptions) == ((0, 0, 1), ())
    assert rows(lake) == [("one",)]


def test_an_orc_column_whose_name_spark_would_cut_off_fails_its_file(lake: Lake) -> None:
    content = BytesIO()
    orc.write_table(pyarrow.table({"id": [1], "back`tick": [2]}), content)
    assert "backquote" in said(load(lake, "orc", content.getvalue()))


@pytest.mark.parametrize("header", [True, False])
def test_csv_values_never_end_with_a_part_of_a_line_end(lake: Lake, header: bool) -> None:
    first = b"id,name\n" if header else b'1,"two\nlines"\r\n'
    assert "line does not end as the first" in said(load(lake, "csv", first + b"2,x\r\n3,y\r\n", header=header))


def test_names_in_xml_are_as_they_are_written_whatever_their_prefixes_stand_for(lake: Lake) -> None:
    content = (
        b'<r xmlns="urn:d" xmlns:a="urn:x"><o a:n="1" xml:lang="en"><id>1</id><a:b xmlns:a="urn:y">2</a:b></o></r>'
    )
    assert not load(lake, "xml", content, row_tag="o").exceptions
    found = lake.sql("SELECT `_a:n`, `_xml:lang`, id, `a:b` FROM {t}")
    assert [tuple(row) for row in found] == [(1, "en", 1, 2)]
