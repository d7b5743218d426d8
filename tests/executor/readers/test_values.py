"""No value is rounded, nulled or replaced in silence: it is in the table, or its file says why not."""

from __future__ import annotations

from decimal import Decimal

import pytest

from executor.lease import OnBadRecord
from executor.schema.words import Column
from tests.executor.lake import Lake
from tests.executor.readers.kinds import Kind
from tests.executor.readers.records import DOCUMENTS, ID, UNTYPED, V, failed, loaded, put, record, records

# Columns and values that they cannot hold, as JSON has them.
MISFITS = [
    ("int", "2147483648"),
    ("bigint", "9223372036854775808"),
    ("double", "1e400"),
    ("decimal(10,2)", "1.005"),
    ("decimal(38,2)", "1005e-3"),
    ("decimal(10,2)", "9" * 1001),
    ("date", '"2026-02-30"'),
    ("date", '"28.02.2026"'),
    ("timestamp", '"2026-02-28T25:00:00Z"'),
    ("timestamp_ntz", '"2026-02-28T10:00:00Z"'),
]


@pytest.fixture(params=UNTYPED, ids=str)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


def test_a_record_with_a_value_that_its_column_cannot_hold_is_kept_aside(lake: Lake, kind: Kind) -> None:
    # A number that is too long for JSON takes out the whole document.
    misfits = [misfit for misfit in MISFITS if len(misfit[1]) < 1000 or "multi_line" not in kind.format.options]
    columns = [Column(name=f"v{number}", type=type_) for number, (type_, _) in enumerate(misfits)]
    good = {"id": "1", **{column.name: "null" for column in columns}}
    bad = [{**good, f"v{number}": value} for number, (_, value) in enumerate(misfits)]
    file = put(lake, kind, "mixed", records(kind, [*bad, good]))
    result = lake.load([file], format=kind.format, columns=(ID, *columns), on_bad_record=OnBadRecord.KEEP_ASIDE)
    assert lake.ids() == [1]
    assert result.rejects is not None and result.rejects.records == (len(misfits),)
    kept = lake.sessions.loader.sql(f"SELECT * FROM {lake.sql_name}__rejects ORDER BY record").collect()
    assert [row["record"] for row in kept] == list(range(1, len(misfits) + 1))
    assert [f"`v{number}` is" in row["reason"] for number, row in enumerate(kept)] == [True] * len(misfits)


def test_decimals_that_fit_are_exact(lake: Lake, kind: Kind) -> None:
    decimals = ["1.5", "1.500", "105e-2", '"1,234.50"', "12345678.99", "-0.01", "null"]
    contents = {str(n): record(kind, {"id": str(n), "v": value}) for n, value in enumerate(decimals)}
    result = loaded(lake, kind, contents, ID, Column(name="v", type="decimal(10,2)"))
    assert failed(result) == {}
    expected = [*map(Decimal, ["1.50", "1.50", "1.05", "1234.50", "12345678.99", "-0.01"]), None]
    assert [row["v"] for row in lake.sql("SELECT v FROM {t} ORDER BY id")] == expected


@pytest.mark.parametrize("kind", DOCUMENTS, ids=str, indirect=True)
def test_decimals_within_columns_are_exact_too(lake: Lake, kind: Kind) -> None:
    inner = "struct<a: decimal(10,2), b: array<decimal(10,2)>, c: map<string, decimal(38,2)>>"
    contents = ['{"a": 1.25, "b": [1, null], "c": {"x": 2.5}}', '{"a": 1.255}', '{"b": [1.255]}', '{"c": {"x": 1.255}}']
    files = {str(n): record(kind, {"id": str(n), "v": content}) for n, content in enumerate(contents)}
    result = loaded(lake, kind, files, ID, Column(name="v", type=inner))
    assert failed(result).keys() == {1, 2, 3}
    (row,) = lake.sql("SELECT v.* FROM {t}")
    assert tuple(row) == (Decimal("1.25"), [Decimal(1), None], {"x": Decimal("2.5")})


def test_text_of_an_undeclared_encoding_fails_its_file(lake: Lake, kind: Kind) -> None:
    text = record(kind, {"id": "1", "v": '"café"'}).decode()
    contents = {encoding: text.encode(encoding) for encoding in ("latin-1", "utf-16-le", "utf-16")}
    result = loaded(lake, kind, {"good": text.encode(), **contents}, ID, V)
    # XML of UTF-16 with its mark says so by itself.
    declared = 1 if kind.format.kind == "xml" else 0
    assert result.records_written == (1, 0, 0, declared)
    assert failed(result).keys() == ({1, 2} if declared else {1, 2, 3})
    assert {row["v"] for row in lake.sql("SELECT v FROM {t}")} == {"café"}


def test_a_mark_of_the_byte_order_is_no_record_and_no_part_of_a_name(lake: Lake, kind: Kind) -> None:
    mark = b"\xef\xbb\xbf"
    result = loaded(lake, kind, {"mark": mark})
    assert (result.records_written, result.exceptions) == ((0,), ())
    assert not lake.sessions.loader.catalog.tableExists(lake.sql_name)
    result = loaded(lake, kind, {"mark": mark, "marked": mark + record(kind, {"id": "1"})})
    assert (result.records_written, result.exceptions) == ((0, 1), ())
    assert lake.ids() == [1]


@pytest.mark.parametrize("kind", DOCUMENTS, ids=str, indirect=True)
def test_half_a_character_is_never_a_question_mark(lake: Lake, kind: Kind) -> None:
    values = {"high": r'"\ud83d"', "low": r'"x\uDE00"', "turned": r'"\ude00\ud83d"', "name": '1, "\\ud800": 2'}
    contents = {name: record(kind, {"id": "1", "v": value}) for name, value in values.items()}
    contents["pair"] = record(kind, {"id": "2", "v": r'"\ud83d\ude00"'})
    contents["backslash"] = record(kind, {"id": "3", "v": r'"\\ud83d"'})
    result = loaded(lake, kind, contents, ID, V)
    assert failed(result).keys() == {0, 1, 2, 3}
    assert all("surrogate" in said for said in failed(result).values())
    assert [tuple(row) for row in lake.sql("SELECT id, v FROM {t} ORDER BY id")] == [(2, "\U0001f600"), (3, r"\ud83d")]


@pytest.mark.parametrize("kind", DOCUMENTS, ids=str, indirect=True)
def test_of_a_name_that_is_there_twice_the_last_value_holds(lake: Lake, kind: Kind) -> None:
    contents = {"ids": b'{"id": 1, "id": 2}\n', "types": b'{"id": 3, "v": 5, "v": "x"}\n'}
    assert failed(loaded(lake, kind, contents)) == {}
    assert [tuple(row) for row in lake.sql("SELECT id, v FROM {t} ORDER BY id")] == [(2, None), (3, "x")]
