"""The same stories over every format: what is in the files is in the table, and what is not says why."""

from __future__ import annotations

import bz2
import gzip
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import pyarrow
import pytest

from executor.columns import columns_of
from executor.lease import Category, LeasedFile, StageResult
from executor.schema.words import Column
from tests.executor.lake import Lake, leased
from tests.executor.readers.kinds import KINDS, Kind, Record, Types

TYPES: Types = {"id": "bigint", "user": "string", "value": "double"}
RECORDS = [{"id": n, "user": f"user-{n % 7}", "value": n * 10.5} for n in range(100)]


def zstd(content: bytes) -> bytes:
    packed: bytes = pyarrow.Codec("zstd").compress(content, asbytes=True)
    return packed


COMPRESSIONS: Mapping[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".bz2": bz2.compress, ".zst": zstd}


@pytest.fixture(params=KINDS, ids=str)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


def write(lake: Lake, kind: Kind, name: str, records: Sequence[Record], types: Types = TYPES) -> LeasedFile:
    path = lake.folder / f"{name}.{kind.format.kind}"
    kind.write(lake.sessions.loader, path, records, types)
    return leased(path)


def load(lake: Lake, kind: Kind, files: Sequence[LeasedFile], **changes: object) -> StageResult:
    return lake.load(files, format=kind.format, **changes)


def categories(result: StageResult) -> dict[int, Category]:
    return {one.index: one.failure.category for one in result.exceptions}


def test_records_are_in_the_table_with_their_types_and_counts(lake: Lake, kind: Kind) -> None:
    files = [write(lake, kind, f"f{n}", RECORDS[n * 40 : n * 40 + 40]) for n in range(3)]
    result = load(lake, kind, files)
    assert (result.records_written, result.exceptions) == ((40, 40, 20), ())
    assert [tuple(row) for row in lake.sql("SELECT * FROM {t} ORDER BY id")] == [
        (record["id"], record["user"], record["value"]) for record in RECORDS
    ]
    assert dict(lake.sessions.loader.table(lake.sql_name).dtypes) == TYPES


def test_columns_are_found_by_name_and_those_that_a_file_lacks_are_null(lake: Lake, kind: Kind) -> None:
    load(lake, kind, [write(lake, kind, "first", RECORDS[:2])])
    columns = columns_in(lake)
    reordered = {"value": "double", "id": "bigint", "user": "string"}
    files = [write(lake, kind, "reordered", RECORDS[2:4], reordered)]
    files.append(write(lake, kind, "fewer", [{"id": 4}], {"id": "bigint"}))
    result = load(lake, kind, files, columns=columns)
    assert (result.records_written, result.exceptions) == ((2, 1), ())
    assert [tuple(row) for row in lake.sql("SELECT id, user, value FROM {t} WHERE id > 1 ORDER BY id")] == [
        (2, "user-2", 21.0),
        (3, "user-3", 31.5),
        (4, None, None),
    ]


def test_a_column_that_is_not_known_is_named_and_counted(lake: Lake, kind: Kind) -> None:
    load(lake, kind, [write(lake, kind, "first", RECORDS[:2])])
    more = [{**record, "region": "eu"} for record in RECORDS[2:5]]
    result = load(lake, kind, [write(lake, kind, "more", more, TYPES | {"region": "string"})], columns=columns_in(lake))
    assert result.records_written == (3,)
    # Avro files do not say how many records they have.
    assert [(one.path, one.record_count in (1, 3)) for one in result.unknown_fields] == [("region", True)]


def test_files_without_records_are_loaded_and_create_no_table(lake: Lake, kind: Kind) -> None:
    files = [write(lake, kind, "none", [])]
    result = load(lake, kind, files)
    assert (result.records_written, result.exceptions) == ((0,), ())
    assert not lake.sessions.loader.catalog.tableExists(lake.sql_name)


def test_a_file_of_no_bytes_has_no_records_unless_its_format_has_a_header(lake: Lake, kind: Kind) -> None:
    path = lake.folder / "empty"
    path.write_bytes(b"")
    result = load(lake, kind, [leased(path), write(lake, kind, "good", RECORDS[:3])])
    assert result.records_written == (0, 3)
    assert categories(result) == ({0: Category.DATA_MALFORMED} if kind.is_typed else {})


@pytest.mark.parametrize("content", [b"\x00\xff\xfe garbage \x80", b"<html>no</html>"])
def test_a_file_of_something_else_fails_alone(lake: Lake, kind: Kind, content: bytes) -> None:
    path = lake.folder / "other"
    path.write_bytes(content)
    result = load(lake, kind, [write(lake, kind, "good", RECORDS), leased(path)], columns=())
    assert result.records_written == (100, 0)
    # As CSV it is a header, and as XML a document: neither has records.
    is_empty = kind.format.kind in ("csv", "xml") and content.startswith(b"<")
    assert categories(result) == ({} if is_empty else {1: Category.DATA_MALFORMED})


def test_a_file_that_ends_too_early_fails_whole(lake: Lake, kind: Kind) -> None:
    files = [write(lake, kind, name, RECORDS) for name in ("good", "cut")]
    path = lake.folder / f"cut.{kind.format.kind}"
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b"u") + 1] if not kind.is_typed else whole[: len(whole) * 2 // 3])
    result = load(lake, kind, [files[0], leased(path)])
    assert result.records_written == (100, 0)
    assert categories(result) == {1: Category.DATA_MALFORMED}


def test_a_value_that_does_not_fit_its_column_fails_its_file_and_is_never_null(lake: Lake, kind: Kind) -> None:
    load(lake, kind, [write(lake, kind, "first", RECORDS[:5])])
    files = [write(lake, kind, "good", RECORDS[5:10])]
    files.append(write(lake, kind, "text", [{"id": "A1"}, {"id": "2"}], {"id": "string"}))
    result = load(lake, kind, files, columns=columns_in(lake))
    assert result.records_written == (5, 0)
    assert categories(result) == {1: Category.SCHEMA_MISMATCH if kind.is_typed else Category.DATA_MALFORMED}
    assert "id" in result.exceptions[0].failure.message


def test_names_are_taken_as_they_are(lake: Lake, kind: Kind) -> None:
    names = ["a b", "a%20b", "a[1]", "a1", "{x}", "é", "q?", "s*", "c,d", "co:lon", "e=1", "+", "#"]
    files = [write(lake, kind, name, [{"id": n, "user": name, "value": 0.5}]) for n, name in enumerate(names)]
    result = load(lake, kind, files)
    assert (result.records_written, result.exceptions) == ((1,) * len(names), ())
    assert [row[0] for row in lake.sql("SELECT user FROM {t} ORDER BY id")] == names


def test_compressed_files_are_read_to_their_end_or_not_at_all(lake: Lake, kind: Kind) -> None:
    if kind.is_typed:
        pytest.skip("these compress within")
    write(lake, kind, "plain", RECORDS)
    content = (lake.folder / f"plain.{kind.format.kind}").read_bytes()
    half = len(content) // 2
    files = []
    for suffix, compress in COMPRESSIONS.items():
        packed, members = compress(content), compress(content[:half]) + compress(content[half:])
        cut = packed[: len(packed) // 2]
        for name, packing in {"whole": packed, "cut": cut, "plain": b"not compressed", "members": members}.items():
            path = lake.folder / f"{name}{suffix}"
            path.write_bytes(packing)
            files.append(leased(path))
    result = load(lake, kind, files)
    assert result.records_written == (100, 0, 0, 100) * len(COMPRESSIONS)
    assert categories(result) == dict.fromkeys([1, 2, 5, 6, 9, 10], Category.DATA_MALFORMED)


def test_a_file_that_is_gone_or_changed_since_it_was_listed_fails_alone(lake: Lake, kind: Kind) -> None:
    files = [write(lake, kind, name, RECORDS[:3]) for name in ("stays", "gone", "changed")]
    (lake.folder / f"gone.{kind.format.kind}").unlink()
    write(lake, kind, "changed", RECORDS[:50])
    result = load(lake, kind, files)
    assert result.records_written == (3, 0, 0)
    assert categories(result) == {1: Category.FILE_MISSING, 2: Category.FILE_CHANGED}


ODD_NAMES = ["a.b", "a-b", "é", "b`t", "q'\"", "n\nl", "sp ace", "a,b;{}()=\t"]
MAY_BE_NAMES: Mapping[str, Callable[[str], bool]] = defaultdict(
    lambda: lambda name: True,
    {
        "avro": lambda name: name.isascii() and name.isidentifier(),
        "xml-record": lambda name: not set(name) & set("`'\n ,"),
        # Their rows end in another way.
        "csv": lambda name: "\n" not in name,
        "csv-False": lambda name: "\n" not in name,
        "orc": lambda name: "`" not in name,
    },
)


def test_columns_keep_their_exact_names(lake: Lake, kind: Kind) -> None:
    names = ["id", *filter(MAY_BE_NAMES[str(kind)], ODD_NAMES)]
    record = {name: number for number, name in enumerate(names, start=1)}
    result = load(lake, kind, [write(lake, kind, "named", [record], dict.fromkeys(names, "bigint"))])
    assert result.exceptions == ()
    assert lake.sessions.loader.table(lake.sql_name).columns == names
    assert [tuple(row) for row in lake.sql("SELECT * FROM {t}")] == [tuple(record.values())]


def test_columns_that_differ_by_case_alone_fail_their_file(lake: Lake, kind: Kind) -> None:
    files = [write(lake, kind, "good", RECORDS[:3])]
    if kind.format.kind == "avro":
        pytest.skip("Spark, which writes these, writes no such file")
    files.append(write(lake, kind, "twice", [{"id": 1, "ID": 2}], {"id": "bigint", "ID": "bigint"}))
    result = load(lake, kind, files)
    assert result.records_written == (3, 0)
    assert categories(result).keys() == {1}
    assert "ID" in result.exceptions[0].failure.message.upper() + result.exceptions[0].failure.cause.upper()


def test_a_broken_part_fails_its_file_alone(lake: Lake, kind: Kind) -> None:
    files = [write(lake, kind, name, RECORDS) for name in ("good", "broken", "fine")]
    path = lake.folder / f"broken.{kind.format.kind}"
    content = bytearray(path.read_bytes())
    middle = len(content) // 3
    content[middle : middle + 40] = bytes(byte ^ 0xFF for byte in content[middle : middle + 40])
    path.write_bytes(content)
    files[1] = leased(path)
    result = load(lake, kind, files)
    assert result.records_written == (100, 0, 100)
    assert categories(result) == {1: Category.DATA_MALFORMED}


def columns_in(lake: Lake) -> tuple[Column, ...]:
    return columns_of(lake.sessions.loader.table(lake.sql_name).schema)
