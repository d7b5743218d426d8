"""Loading a lease: every row of every good file once, and a reason for every file that is not."""

from __future__ import annotations

import bz2
import gzip
import os
import uuid
from collections.abc import Mapping
from typing import Any

import pytest

from executor.errors import AttemptFailed
from executor.lease import Category, FileOutcome, LeasedFile, Outcome, StageResult
from executor.schema.words import Column, ColumnsInForce
from tests.executor.lake import RECORDS, Lake, leased, write_lines

ID = Column(name="id", type="bigint")
NAME = Column(name="name", type="string")


def only_exception(result: StageResult) -> FileOutcome:
    (exception,) = result.exceptions
    return exception


def test_counts_of_files_are_exact_and_sum_to_the_snapshot(lake: Lake) -> None:
    files = [
        lake.write(f"{index}.json", [{"id": index * 1000 + n} for n in range(count)])
        for index, count in enumerate((0, 1, 7, 0, 250, 3))
    ]
    result = lake.load(files)
    assert result.records_written == (0, 1, 7, 0, 250, 3)
    assert result.staged.records_added == 261
    assert result.exceptions == ()
    assert len(set(lake.ids())) == len(lake.ids()) == 261


def test_counts_of_many_small_files_are_exact(lake: Lake) -> None:
    files = [lake.write(f"{n}.json", [{"id": n}] * (n % 4)) for n in range(1200)]
    result = lake.load(files)
    assert result.records_written == tuple(n % 4 for n in range(1200))


def test_files_without_rows_load_nothing_and_create_no_table(lake: Lake) -> None:
    files = [lake.write("empty.json", []), lake.write("blank.json", ["", "  "])]
    files.append(lake.write("brackets.json", ["[]"]))
    for columns in ((), (ID,)):
        result = lake.load(files, columns=columns)
        assert result.staged.staged_snapshot_id == 0
        assert result.records_written == (0, 0, 0)
        assert result.exceptions == ()
    assert lake.sessions.loader.catalog.tableExists(lake.sql_name) is False


def test_one_broken_line_fails_its_file_and_spares_the_others(lake: Lake) -> None:
    broken: list[Mapping[str, Any] | str] = [*RECORDS, '{"id": 11, "name": "x"', {"id": 12, "name": "y"}]
    files = [lake.write("good.json", RECORDS), lake.write("broken.json", broken)]
    result = lake.load(files)
    assert result.records_written == (10, 0)
    exception = only_exception(result)
    assert (exception.index, exception.outcome) == (1, Outcome.FAILED)
    assert exception.failure.category is Category.DATA_MALFORMED
    assert exception.records_rejected == 1
    assert "1 of 12 records" in exception.failure.message
    assert "line 11" in exception.failure.message
    assert lake.ids() == list(range(10))


def test_a_file_that_is_not_json_creates_no_table(lake: Lake) -> None:
    result = lake.load([lake.write("page.json", ["<html>", "</html>"])])
    assert only_exception(result).failure.category is Category.DATA_MALFORMED
    assert result.staged.staged_snapshot_id == 0
    assert lake.sessions.loader.catalog.tableExists(lake.sql_name) is False


@pytest.mark.parametrize(
    "line",
    [
        '{"id": "A1"}',
        '{"id": 9223372036854775808}',
        '{"id": 1.5}',
        '{"id": 1}{"id": 2}',
        '{"id": 1} and more',
        '{"value": 1e400}',
        '{"value": NaN}',
        "{'id': 1}",
        "7",
        "null",
        '{"id": ' + "[" * 5000 + "]" * 5000 + "}",
        '{"inner": {"value": 1e400}}',
        '{"list": [1.5, 1e400]}',
    ],
)
def test_a_value_that_does_not_fit_is_never_nulled_or_rounded(lake: Lake, line: str) -> None:
    columns = (
        ID,
        Column(name="value", type="double"),
        Column(name="inner", type="struct<value: double>"),
        Column(name="list", type="array<double>"),
    )
    files = [lake.write("good.json", [{"id": 1}]), lake.write("bad.json", [line, {"id": 2}])]
    result = lake.load(files, columns=columns)
    assert only_exception(result).failure.category is Category.DATA_MALFORMED
    assert lake.ids() == [1]


def test_text_that_is_not_utf8_fails_its_file(lake: Lake) -> None:
    path = lake.folder / "latin.json"
    path.write_bytes('{"id": 5, "name": "é"}\n'.encode("latin-1"))
    result = lake.load([leased(path), lake.write("good.json", RECORDS)])
    assert only_exception(result).failure.category is Category.DATA_MALFORMED
    assert lake.ids() == list(range(10))


def test_a_missing_file_and_a_changed_one_are_told_apart(lake: Lake) -> None:
    files = [lake.write(f"{n}.json", [{"id": n}]) for n in range(4)]
    os.unlink(lake.folder / "1.json")
    write_lines(lake.folder / "2.json", [{"id": 2}, {"id": 22}])
    result = lake.load(files)
    assert lake.ids() == [0, 3]
    assert [(one.index, one.outcome, one.failure.category) for one in result.exceptions] == [
        (1, Outcome.MISSING, Category.FILE_MISSING),
        (2, Outcome.MISSING, Category.FILE_CHANGED),
    ]


def test_a_file_that_changes_after_it_was_read_is_not_loaded(lake: Lake) -> None:
    files = [lake.write("steady.json", [{"id": 1}]), lake.write("moving.json", [{"id": 2}])]
    asked = iter(range(100))

    def change_late() -> None:
        # The last question before the write: the sample is read by then, the check is to come.
        if next(asked) == 3:
            write_lines(lake.folder / "moving.json", [{"id": 3}])

    lake.load([lake.write("first.json", [{"id": 0}])])
    result = lake.load(files, check_held=change_late)
    assert next(asked) > 3
    assert only_exception(result).failure.category is Category.FILE_CHANGED
    assert lake.ids() == [0, 1]


def test_a_file_listed_empty_and_filled_since_is_not_taken_for_loaded(lake: Lake) -> None:
    empty = lake.write("filling.json", [])
    gone = lake.write("gone.json", [])
    write_lines(lake.folder / "filling.json", [{"id": 1}])
    os.unlink(lake.folder / "gone.json")
    alone = lake.stage([empty, gone])
    assert [one.failure.category for one in alone.exceptions] == [Category.FILE_CHANGED, Category.FILE_MISSING]
    blank = lake.stage([lake.write("blank.json", ["", ""]), empty])
    assert only_exception(blank).failure.category is Category.FILE_CHANGED


@pytest.mark.parametrize("name", ["gone.json", "gone[1].json"])
def test_a_file_that_vanished_fails_alone_whatever_its_name(lake: Lake, name: str) -> None:
    files = [lake.write("stays.json", [{"id": 1}]), lake.write(name, [{"id": 2}])]
    os.unlink(lake.folder / name)
    result = lake.load(files)
    assert only_exception(result).failure.category is Category.FILE_MISSING
    assert lake.ids() == [1]


def test_several_bad_files_of_every_kind_spare_the_good_one(lake: Lake) -> None:
    truncated = lake.folder / "truncated.json.gz"
    whole = gzip.compress(b"".join(b'{"id": %d}\n' % n for n in range(50_000)))
    truncated.write_bytes(whole[: len(whole) // 2])
    plain = lake.folder / "plain.json.gz"
    plain.write_bytes(b'{"id": 6}\n')
    good = [lake.write(f"good{n}.json", [{"id": n}]) for n in range(3)]
    bad = [leased(truncated), leased(plain), lake.write("bad.json", ["{"])]
    gone = lake.write("gone.json", [{"id": 9}])
    os.unlink(lake.folder / "gone.json")
    result = lake.load([*bad, *good, gone], columns=(ID,))
    assert lake.ids() == [0, 1, 2]
    categories = [exception.failure.category for exception in result.exceptions]
    assert categories == [Category.DATA_MALFORMED] * 3 + [Category.FILE_MISSING]


def test_compressed_files_load_in_full(lake: Lake) -> None:
    members = lake.folder / "members.json.gz"
    members.write_bytes(gzip.compress(b'{"id": 1}\n') + gzip.compress(b'{"id": 2}\n'))
    single = lake.folder / "single.json.bz2"
    single.write_bytes(bz2.compress(b'{"id": 3}'))
    result = lake.load([leased(members), leased(single)])
    assert result.records_written == (2, 1)
    assert lake.ids() == [1, 2, 3]


AWKWARD_NAMES = [
    "a b.json",
    "a%20b.json",
    "%.json",
    "a+b.json",
    "é.json",
    "e\u0301.json",
    "😀.json",
    "q'uo\"te.json",
    "com,ma.json",
    "co:lon.json",
    "back\\slash.json",
    "new\nline.json",
    "cr\r.json",
    "tab\t.json",
    "br[1].json",
    "br1.json",
    "{x,y}.json",
    "x.json",
    "st*r.json",
    "star.json",
    "qu?.json",
    "qux.json",
    "h#sh.json",
    "key=value.json",
    "semi;colon&.json",
    " lead.json",
    "trail ",
    "x..y.json",
    "day=1/f.json",
    "_hidden/f.json",
    ".hidden/f.json",
    "co:lon/f.json",
    "n" * 240 + ".json",
]


def test_awkward_names_load_by_their_exact_bytes(lake: Lake) -> None:
    files = [lake.write(name, [{"id": n}] * (n + 1)) for n, name in enumerate(AWKWARD_NAMES)]
    result = lake.load(files)
    assert result.exceptions == ()
    assert result.records_written == tuple(range(1, len(files) + 1))


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_a_name_never_loads_another_file(lake: Lake, name: str) -> None:
    for other in ("br1.json", "x.json", "y.json", "star.json", "qux.json", "a b.json"):
        lake.write(other, [{"id": 0}])
    result = lake.stage([lake.write(name, [{"id": 7}] * 3)])
    assert result.records_written == (3,)


def test_names_that_spark_cannot_read_fail_by_name(lake: Lake) -> None:
    names = ["_under.json", ".dot.json", "x._COPYING_"]
    files = [lake.write(name, [{"id": 1}]) for name in names]
    folder = f"file://{lake.folder}"
    for twisted in ("d//x.json", "d/../x.json", "d/./x.json"):
        files.append(LeasedFile(uri=f"{folder}/{twisted}", size_bytes=9, etag="", modification_time_ns=1))
    broken = os.fsdecode(b"\xff.json")
    (lake.folder / broken).write_text("{}")
    files.append(leased(lake.folder / broken))
    result = lake.load([*files, lake.write("x.json", RECORDS)])
    assert [one.failure.category for one in result.exceptions] == [Category.NAME_UNSUPPORTED] * len(files)
    assert lake.ids() == list(range(10))


def test_inferred_columns_are_proposed_and_the_answer_holds(lake: Lake) -> None:
    proposed: list[tuple[Column, ...]] = []

    def propose(columns: tuple[Column, ...], base_version: int, shown_by: object) -> ColumnsInForce:
        proposed.append(columns)
        return ColumnsInForce(columns=(ID,), version=1)

    result = lake.load([lake.write("f.json", RECORDS)], evolve=propose)
    assert proposed == [(ID, NAME)]
    assert [row[0] for row in lake.sql("DESCRIBE {t}")][:1] == ["id"]
    assert [(field.path, field.record_count) for field in result.unknown_fields] == [("name", 10)]


def test_columns_of_a_table_that_is_there_are_taken_from_it(lake: Lake) -> None:
    lake.sql(f"CREATE NAMESPACE IF NOT EXISTS lake.{lake.table.split('.')[0]}")
    lake.sql("CREATE TABLE {t} (ID bigint, extra string) USING iceberg")
    result = lake.load([lake.write("f.json", RECORDS)])
    assert lake.ids() == list(range(10))
    assert {row["extra"] for row in lake.sql("SELECT extra FROM {t}")} == {None}
    assert [field.path for field in result.unknown_fields] == ["name"]


def test_columns_that_the_table_lacks_fail_the_lease_by_name(lake: Lake) -> None:
    lake.load([lake.write("f.json", [{"id": 1}])])
    with pytest.raises(AttemptFailed, match="`name` is not in the table") as failed:
        lake.stage([lake.write("g.json", RECORDS)], columns=(ID, NAME))
    assert failed.value.failure.category is Category.SCHEMA_MISMATCH
    assert failed.value.failure.retryable is False


def test_a_lease_that_is_lost_stops_before_it_commits(lake: Lake) -> None:
    class LostLease(Exception):
        pass

    def lose() -> None:
        raise LostLease

    with pytest.raises(LostLease):
        lake.stage([lake.write("f.json", RECORDS)], check_held=lose)
    assert lake.sessions.loader.catalog.tableExists(lake.sql_name) is False


def test_table_properties_are_set_at_creation(lake: Lake) -> None:
    files = [lake.write("f.json", RECORDS)]
    lake.load(files, table_properties={"write.format.default": "orc", "owner's": "it's"})
    shown = {row[0]: row[1] for row in lake.sql("SHOW TBLPROPERTIES {t}")}
    assert shown["write.format.default"] == "orc"
    assert shown["owner's"] == "it's"
    assert shown["commit.retry.num-retries"] == "20"


def test_a_partitioned_table_counts_exactly(lake: Lake) -> None:
    lake.sql(f"CREATE NAMESPACE IF NOT EXISTS lake.{lake.table.split('.')[0]}")
    lake.sql("CREATE TABLE {t} (id bigint, name string) USING iceberg PARTITIONED BY (name)")
    files = [lake.write(f"{n}.json", RECORDS[: n + 1]) for n in range(5)]
    assert lake.load(files).records_written == (1, 2, 3, 4, 5)


def test_odd_column_names_keep_their_exact_names(lake: Lake) -> None:
    record = {"a.b": 1, "back`tick": 2, "sp ace": 3, "quo'te\"": 4, "in": {"x.y": 5, "z`": 6}}
    lake.load([lake.write("f.json", [record])])
    (row,) = lake.sql("SELECT * FROM {t}")
    assert row.asDict(recursive=True) == record


def test_a_staged_snapshot_is_this_attempts_and_not_in_main(lake: Lake) -> None:
    lease_id = str(uuid.uuid4())
    staged = lake.stage([lake.write("f.json", RECORDS)], lease_id=lease_id).staged
    (row,) = lake.sql(f"SELECT summary FROM {{t}}.snapshots WHERE snapshot_id = {staged.staged_snapshot_id}")
    assert row["summary"]["autoloader.lease"] == row["summary"]["wap.id"] == lease_id
    assert lake.head() == staged.base_snapshot_id
    assert lake.ids() == []
