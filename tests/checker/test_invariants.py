"""Each invariant finds a violation that was planted, and nothing where there is none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from tests.checker.agreement import FILES, LEDGER, TABLE, WORKLOAD, digests_of, ledger_file, ledger_of, rows_of
from tests.checker.checker import assert_no_findings
from tests.checker.checksum import Row
from tests.checker.findings import Invariant
from tests.checker.invariants import violations
from tests.checker.ledger import Ledger
from tests.checker.manifest import Workload
from tests.checker.table import TableView


def found(
    *, table: TableView = TABLE, ledger: Ledger = LEDGER, workload: Workload = WORKLOAD
) -> dict[Invariant, list[str]]:
    """What is violated, with what it is about."""
    invariants: dict[Invariant, list[str]] = {}
    for finding in violations(table, ledger, workload):
        invariants.setdefault(finding.invariant, []).append(finding.ids[0])
    return invariants


def table_with(path: str, rows: Iterable[Row]) -> TableView:
    """The table, with other rows in a data file."""
    return replace(TABLE, rows={**TABLE.rows, path: digests_of(rows)})


def ledger_with(key: str, **changes: Any) -> Ledger:
    return ledger_of({**FILES, key: replace(FILES[key], **changes)})


def test_nothing_is_found_where_all_agree() -> None:
    assert found() == {}


def test_rows_that_are_there_twice_are_found() -> None:
    assert found(table=table_with("1.parquet", rows_of("a") * 2))[Invariant.ROWS_ONCE] == ["a"]


def test_a_row_that_is_lost_is_found() -> None:
    assert found(table=table_with("1.parquet", rows_of("a", 2)))[Invariant.ROWS_ONCE] == ["a"]


def test_a_row_in_place_of_another_is_found_though_the_count_is_right() -> None:
    rows = [*rows_of("a", 2), rows_of("a")[0]]
    assert found(table=table_with("1.parquet", rows)) == {Invariant.ROWS_ONCE: ["a"]}


def test_a_value_that_differs_is_found() -> None:
    rows = [*rows_of("a", 2), {"id": 2, "source": "a", "value": None}]
    assert found(table=table_with("1.parquet", rows)) == {Invariant.ROWS_ONCE: ["a"]}


def test_a_file_that_may_have_loaded_must_have_its_rows_once_it_is_processed() -> None:
    processed = ledger_with("raced", state="PROCESSED", records_written=3)
    assert found(ledger=processed)[Invariant.ROWS_ONCE] == ["raced"]


@pytest.mark.parametrize("key", ["poison", "gone", "old", "raced", "nobody"])
def test_a_row_of_a_file_that_did_not_load_is_found(key: str) -> None:
    planted = table_with("1.parquet", [*rows_of("a"), *rows_of(key, 1)])
    assert found(table=planted)[Invariant.NO_ROWS_OF_OTHERS] == [key]


def test_a_row_of_unknown_origin_is_found() -> None:
    planted = table_with("1.parquet", [*rows_of("a"), {"id": 5}])
    assert found(table=planted)[Invariant.NO_ROWS_OF_OTHERS] == [""]


def test_a_lease_in_two_snapshots_is_found() -> None:
    head = replace(TABLE.chain[0], leases=frozenset({"lease-1"}))
    assert found(table=replace(TABLE, chain=(head, *TABLE.chain[1:]))) == {Invariant.LEASE_ONCE: ["lease-1"]}


def test_two_leases_in_a_snapshot_are_found() -> None:
    head = replace(TABLE.chain[0], leases=frozenset({"lease-3", "lease-4"}))
    assert found(table=replace(TABLE, chain=(head, *TABLE.chain[1:]))) == {Invariant.LEASE_ONCE: ["4"]}


def test_a_data_file_that_two_snapshots_added_is_found() -> None:
    planted = replace(TABLE, added_by={**TABLE.added_by, "1.parquet": frozenset({2, 4})})
    assert found(table=planted) == {Invariant.DATA_FILE_ONCE: ["1.parquet"]}


def test_a_data_file_that_the_head_lists_twice_is_found() -> None:
    planted = replace(TABLE, live=(*TABLE.live, "1.parquet"))
    assert found(table=planted)[Invariant.DATA_FILE_ONCE] == ["1.parquet"]
    assert found(table=planted)[Invariant.ROWS_ONCE] == ["a"]


def test_a_data_file_that_is_not_there_is_found() -> None:
    assert found(table=replace(TABLE, absent=frozenset({"0.parquet"}))) == {Invariant.DATA_FILE_EXISTS: ["0.parquet"]}


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        pytest.param("a", {"state": "FAILED"}, id="failed, and its rows are there"),
        pytest.param("a", {"state": "PENDING"}, id="waiting, and its rows are there"),
        pytest.param("a", {"records_written": 2}, id="another number of rows"),
        pytest.param("a", {"snapshot_id": 9}, id="a snapshot that is not in main"),
        pytest.param("poison", {"state": "PROCESSED"}, id="processed, though it is poison"),
        pytest.param("poison", {"state": "SKIPPED"}, id="skipped, though it is poison"),
        pytest.param("raced", {"records_written": 1}, id="rows of a missing file"),
    ],
)
def test_a_ledger_that_says_something_else_is_found(key: str, changes: dict[str, Any]) -> None:
    assert Invariant.LEDGER_TELLS_TRUTH in found(ledger=ledger_with(key, **changes))


def test_a_file_that_the_ledger_never_saw_is_found() -> None:
    without = ledger_of({key: file for key, file in FILES.items() if key != "a"})
    assert found(ledger=without)[Invariant.LEDGER_TELLS_TRUTH] == ["a", "a"]


def test_a_file_that_only_the_ledger_saw_is_found() -> None:
    extra = ledger_of({**FILES, "extra": ledger_file("extra", "FAILED")})
    assert found(ledger=extra) == {Invariant.LEDGER_TELLS_TRUTH: ["files/extra"]}


def test_a_file_that_the_ledger_has_twice_is_found() -> None:
    twice = ledger_of({**FILES, "again": ledger_file("a", "MISSING", generation=2)})
    assert found(ledger=twice) == {Invariant.LEDGER_TELLS_TRUTH: ["a"]}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"runs": (replace(LEDGER.runs[0], records_written=9),)}, id="runs"),
        pytest.param({"summaries": (replace(LEDGER.summaries[-1], records_written=9),)}, id="rows of the summary"),
        pytest.param({"summaries": LEDGER.summaries[1:]}, id="files of the summary"),
    ],
)
def test_figures_that_differ_are_found(changes: dict[str, Any]) -> None:
    assert set(found(ledger=replace(LEDGER, **changes))) == {Invariant.FIGURES_EQUAL}


def test_a_snapshot_that_says_another_number_of_rows_is_found() -> None:
    lying = replace(TABLE.chain[1], records_added=8)
    planted = replace(TABLE, chain=(TABLE.chain[0], lying, *TABLE.chain[2:]))
    assert set(found(table=planted)) == {Invariant.FIGURES_EQUAL}


def test_what_expired_history_cannot_tell_is_not_asked() -> None:
    assert found(table=replace(TABLE, chain=TABLE.chain[:2])) == {}


def test_a_file_that_still_waits_is_found() -> None:
    assert found(ledger=ledger_with("raced", state="LEASED"))[Invariant.NOTHING_MOVES] == ["files/raced"]


@pytest.mark.parametrize("changes", [{"state": "RUNNING"}, {"files_remaining": 1}], ids=["running", "remaining"])
def test_a_run_that_does_not_rest_is_found(changes: dict[str, Any]) -> None:
    moving = replace(LEDGER, runs=(replace(LEDGER.runs[0], **changes),))
    assert found(ledger=moving) == {Invariant.NOTHING_MOVES: ["runs/2"]}


def test_a_report_names_the_invariant_and_the_ids() -> None:
    planted = replace(TABLE, absent=frozenset({"0.parquet"}))
    with pytest.raises(AssertionError, match=r"each referenced data file exists \(1\)\n.*0\.parquet"):
        assert_no_findings(violations(planted, LEDGER, WORKLOAD))
