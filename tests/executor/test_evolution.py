"""Columns that change: what files have is in the table, or its file says why not; nothing is left out in silence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from executor.columns import columns_of
from executor.lease import Category, Format, LeasedFile, StageResult
from executor.schema.words import Change, ChangeKind, Column, ColumnsInForce, OnSchemaChange, SchemaCheck, SchemaTerms
from tests.executor.lake import RECORDS, Lake
from tests.executor.readers.kinds import KINDS, Kind
from tests.executor.readers.test_every_format import write

METADATA = {"source": "api", "tags": ["a"]}
REGION = [{"id": n, "name": f"n{n}", "region": "eu", "metadata": METADATA} for n in range(10, 15)]
CSV = Format(kind="csv")


@dataclass
class Ledger:
    """Keeps the columns by version, as the control plane does; others may come before us."""

    columns: tuple[Column, ...] = ()
    version: int = 0
    shown_by: dict[Change, int] = field(default_factory=dict)
    others: list[tuple[Column, ...]] = field(default_factory=list)

    def evolve(self, columns: tuple[Column, ...], base_version: int, shown_by: Mapping[Change, int]) -> ColumnsInForce:
        if self.others:
            self.columns, self.version = self.others.pop(), self.version + 1
        elif base_version == self.version:
            self.columns, self.version = columns, self.version + 1
            self.shown_by |= shown_by
        return ColumnsInForce(columns=self.columns, version=self.version)

    def load(
        self,
        lake: Lake,
        files: Sequence[LeasedFile],
        *,
        policy: OnSchemaChange = OnSchemaChange.APPEND_NEW_COLUMNS,
        check: SchemaCheck = SchemaCheck.FULL,
        **changes: Any,
    ) -> StageResult:
        terms = SchemaTerms(version=self.version, on_schema_change=policy, check=check)
        return lake.load(files, columns=self.columns, schema=terms, evolve=self.evolve, **changes)


@pytest.fixture
def ledger(lake: Lake) -> Ledger:
    made = Ledger()
    made.load(lake, [lake.write("first.json", RECORDS)])
    return made


def types_of(lake: Lake) -> dict[str, str]:
    return dict(lake.sessions.loader.table(lake.sql_name).dtypes)


def test_new_fields_become_columns_that_are_null_in_the_rows_before(lake: Lake, ledger: Ledger) -> None:
    result = ledger.load(lake, [lake.write("more.json", REGION), lake.write("as_before.json", [{"id": 99}])])
    assert (result.records_written, result.exceptions, result.unknown_fields) == ((5, 1), (), ())
    assert types_of(lake) == {
        "id": "bigint",
        "name": "string",
        "region": "string",
        "metadata": "struct<source:string,tags:array<string>>",
    }
    assert lake.sql("SELECT count(*), count(region), count(metadata.tags) FROM {t}")[0] == (16, 5, 5)
    assert {change.path: index for change, index in ledger.shown_by.items()} == {"region": 0, "metadata": 0}


def test_a_field_that_comes_last_in_the_last_file_is_found(lake: Lake, ledger: Ledger) -> None:
    many: list[dict[str, Any]] = [{"id": n, "name": "x" * 100} for n in range(60_000)]
    files = [lake.write(f"{n}.json", [{"id": n}]) for n in range(70)]
    files.append(lake.write("late.json", [*many, {"id": -1, "late": 1.5}]))
    result = ledger.load(lake, files)
    assert (sum(result.records_written), result.exceptions) == (60_071, ())
    assert [tuple(row) for row in lake.sql("SELECT id, late FROM {t} WHERE late IS NOT NULL")] == [(-1, 1.5)]


def test_fields_within_fields_are_added_where_they_are(lake: Lake, ledger: Ledger) -> None:
    ledger.load(lake, [lake.write("a.json", REGION)])
    deeper = {"id": 20, "metadata": {"source": "api", "size": {"w": 1}, "tags": []}}
    result = ledger.load(lake, [lake.write("b.json", [deeper])])
    assert result.exceptions == ()
    assert types_of(lake)["metadata"] == "struct<source:string,tags:array<string>,size:struct<w:bigint>>"
    assert lake.sql("SELECT metadata.size.w FROM {t} WHERE id = 20")[0][0] == 1


def test_fields_that_are_ignored_are_named_and_counted_and_change_nothing(lake: Lake, ledger: Ledger) -> None:
    before = types_of(lake)
    result = ledger.load(lake, [lake.write("more.json", REGION)], policy=OnSchemaChange.IGNORE)
    assert result.records_written == (5,)
    assert [(one.path, one.record_count) for one in result.unknown_fields] == [("metadata", 5), ("region", 5)]
    assert types_of(lake) == before


def test_columns_that_a_person_declares_are_the_tables_under_ignore_too(lake: Lake, ledger: Ledger) -> None:
    ledger.columns, ledger.version = (*ledger.columns, Column(name="region", type="string")), ledger.version + 1
    result = ledger.load(lake, [lake.write("more.json", REGION)], policy=OnSchemaChange.IGNORE)
    assert (result.records_written, [field.path for field in result.unknown_fields]) == ((5,), ["metadata"])
    assert {row[0] for row in lake.sql("SELECT region FROM {t} WHERE id >= 10")} == {"eu"}


def test_a_file_with_new_fields_waits_alone_where_a_person_decides(lake: Lake, ledger: Ledger) -> None:
    before = types_of(lake)
    files = [lake.write("as_before.json", [{"id": 20}]), lake.write("more.json", REGION)]
    result = ledger.load(lake, files, policy=OnSchemaChange.FAIL)
    assert result.records_written == (1, 0)
    (waiting,) = result.exceptions
    assert (waiting.index, waiting.failure.category) == (1, Category.SCHEMA_MISMATCH)
    assert "`region` as string" in waiting.failure.message
    assert {change.path: list(files) for change, files in result.held_changes.items()} == {
        "region": [1],
        "metadata": [1],
    }
    assert types_of(lake) == before


def test_columns_that_another_executor_proposed_first_are_fitted_to(lake: Lake, ledger: Ledger) -> None:
    theirs = (*ledger.columns, Column(name="theirs", type="double"))
    ledger.others = [theirs]
    result = ledger.load(lake, [lake.write("more.json", REGION)])
    assert result.exceptions == ()
    assert list(types_of(lake)) == ["id", "name", "theirs", "region", "metadata"]
    assert ledger.version == 3


def test_a_table_that_lacks_what_the_ledger_has_gets_it_from_whoever_comes_next(lake: Lake, ledger: Ledger) -> None:
    """As when an executor died between its proposal and the table."""
    ledger.columns = (*ledger.columns, Column(name="region", type="string"))
    result = ledger.load(lake, [lake.write("b.json", [{"id": 20, "region": "eu"}])], check=SchemaCheck.OFF)
    assert result.exceptions == ()
    assert lake.sql("SELECT region FROM {t} WHERE id = 20")[0][0] == "eu"


def test_a_narrower_file_is_widened_and_a_wider_one_widens_the_column(lake: Lake) -> None:
    ledger = Ledger()
    kind = next(one for one in KINDS if one.format.kind == "parquet")
    ledger.load(lake, [write(lake, kind, "a", [{"id": 1, "v": 0.5}], {"id": "int", "v": "float"})], format=kind.format)
    assert types_of(lake) == {"id": "int", "v": "float"}
    files = [
        write(lake, kind, "wide", [{"id": 2**40, "v": 0.1}], {"id": "bigint", "v": "double"}),
        write(lake, kind, "narrow", [{"id": 3, "v": 2.5}], {"id": "int", "v": "float"}),
    ]
    result = ledger.load(lake, files, format=kind.format)
    assert (result.records_written, result.exceptions) == ((1, 1), ())
    assert types_of(lake) == {"id": "bigint", "v": "double"}
    assert sorted(tuple(row) for row in lake.sql("SELECT id, v FROM {t}")) == [(1, 0.5), (3, 2.5), (2**40, 0.1)]
    assert {change.kind for change in ledger.shown_by} == {ChangeKind.WIDENED}


@pytest.mark.parametrize("kind", [one for one in KINDS if one.is_typed], ids=str)
def test_files_of_every_width_are_read_into_the_widest(lake: Lake, kind: Kind) -> None:
    ledger = Ledger()
    wide = write(lake, kind, "wide", [{"id": 2**40, "v": 0.1}], {"id": "bigint", "v": "double"})
    narrow = write(lake, kind, "narrow", [{"id": 3, "v": 2.5}], {"id": "int", "v": "float"})
    result = ledger.load(lake, [narrow, wide], format=kind.format)
    assert (result.records_written, result.exceptions) == ((1, 1), ())
    assert sorted(tuple(row) for row in lake.sql("SELECT id, v FROM {t}")) == [(3, 2.5), (2**40, 0.1)]


@pytest.mark.parametrize("kind", [one for one in KINDS if one.is_typed], ids=str)
def test_a_file_that_conflicts_fails_alone_and_changes_nothing(lake: Lake, kind: Kind) -> None:
    ledger = Ledger()
    ledger.load(lake, [write(lake, kind, "a", [{"id": 1}], {"id": "bigint"})], format=kind.format)
    files = [
        write(lake, kind, "text", [{"id": "A1", "more": 1}], {"id": "string", "more": "bigint"}),
        write(lake, kind, "good", [{"id": 2}], {"id": "bigint"}),
    ]
    result = ledger.load(lake, files, format=kind.format)
    assert result.records_written == (0, 1)
    assert [one.failure.category for one in result.exceptions] == [Category.SCHEMA_MISMATCH]
    assert "`id` is string in the file and bigint in the table" in result.exceptions[0].failure.message
    assert types_of(lake) == {"id": "bigint"}


def test_a_column_that_is_new_in_a_header_is_added_by_its_values(lake: Lake) -> None:
    ledger = Ledger()
    kind = next(one for one in KINDS if one.format == CSV)
    ledger.load(lake, [write(lake, kind, "a", [{"id": 1}], {"id": "bigint"})], format=CSV)
    more = [{"size": 1.5, "ID": 2, "empty": ""}, {"size": 2.5, "ID": 3, "empty": ""}]
    result = ledger.load(
        lake, [write(lake, kind, "b", more, {"size": "double", "ID": "bigint", "empty": "string"})], format=CSV
    )
    assert (result.records_written, result.exceptions) == ((2,), ())
    assert types_of(lake) == {"id": "bigint", "size": "double", "empty": "string"}
    assert sorted(row[0] for row in lake.sql("SELECT id FROM {t}")) == [1, 2, 3]


def test_a_field_in_other_letters_than_its_column_is_never_taken_for_missing(lake: Lake, ledger: Ledger) -> None:
    files = [lake.write("good.json", [{"id": 20}]), lake.write("other.json", [{"ID": 21, "Name": "x"}])]
    result = ledger.load(lake, files)
    assert result.records_written == (1, 0)
    (failed,) = result.exceptions
    assert failed.failure.category is Category.SCHEMA_MISMATCH
    assert "`ID`, which the columns have as `id`" in failed.failure.message


def test_two_fields_that_differ_by_case_alone_fail_their_file(lake: Lake, ledger: Ledger) -> None:
    result = ledger.load(lake, [lake.write("both.json", [{"id": 1, "x": 1, "X": 2}])])
    assert [one.failure.category for one in result.exceptions] == [Category.SCHEMA_MISMATCH]


def test_lines_that_arrow_refuses_are_looked_at_all_the_same(lake: Lake, ledger: Ledger) -> None:
    odd = ['[{"id": 30, "in_array": true}]', json.dumps({"id": 31, "mixed": 1}), json.dumps({"id": 32, "mixed": "x"})]
    result = ledger.load(lake, [lake.write("odd.json", odd)])
    assert (result.records_written, result.exceptions) == ((3,), ())
    assert types_of(lake) == {"id": "bigint", "name": "string", "in_array": "boolean", "mixed": "string"}


def test_columns_go_there_and_back(lake: Lake, ledger: Ledger) -> None:
    ledger.load(lake, [lake.write("more.json", REGION)])
    assert columns_of(lake.sessions.loader.table(lake.sql_name).schema) == ledger.columns
