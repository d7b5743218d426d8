"""A workload, a table and a ledger that agree, as plain data, for violations to be planted in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.checker.checksum import Row, digest
from tests.checker.ledger import Ledger, LedgerFile, LedgerRun, Summary
from tests.checker.manifest import Expectation, Workload, a_file, by_column
from tests.checker.table import MainSnapshot, Rows, TableView

SOURCE = by_column("source")


def rows_of(key: str, count: int = 3) -> list[Row]:
    return [{"id": number, "source": key, "value": number * 1.5} for number in range(count)]


def digests_of(rows: Iterable[Row]) -> Rows:
    found: dict[str | None, tuple[int, ...]] = {}
    for row in rows:
        found[SOURCE(row)] = (*found.get(SOURCE(row), ()), digest(row))
    return found


WORKLOAD = Workload(
    files=(
        a_file("a", rows_of("a")),
        a_file("b", rows_of("b")),
        a_file("poison", (), expectation=Expectation.FAILED),
        a_file("gone", rows_of("gone"), expectation=Expectation.MISSING),
        a_file("old", rows_of("old"), expectation=Expectation.SUPERSEDED, uri="/changed", generation=1),
        a_file("new", rows_of("new", 4), uri="/changed", size_bytes=44),
        a_file("raced", rows_of("raced"), expectation=Expectation.ANY),
        a_file("foreign", rows_of("foreign"), expectation=Expectation.FOREIGN),
    ),
    owner_of=SOURCE,
)

TABLE = TableView(
    chain=(
        MainSnapshot(id=4, parent_id=3),
        MainSnapshot(id=3, parent_id=2, leases=frozenset({"lease-2"}), records_added=7),
        MainSnapshot(id=2, parent_id=1, leases=frozenset({"lease-1"}), records_added=3),
        MainSnapshot(id=1, parent_id=None),
    ),
    added_by={
        "1.parquet": frozenset({2}),
        "2.parquet": frozenset({3}),
        "3.parquet": frozenset({4}),
    },
    live=("1.parquet", "2.parquet", "3.parquet"),
    rows={
        "1.parquet": digests_of(rows_of("a")),
        "2.parquet": digests_of([*rows_of("b"), *rows_of("new", 4)]),
        "3.parquet": digests_of(rows_of("foreign")),
    },
)


def ledger_file(name: str, state: str, **others: Any) -> LedgerFile:
    return LedgerFile(name=f"files/{name}", uri=f"file:///folder/{name.partition('@')[0]}", state=state, **others)


FILES = {
    "a": ledger_file("a", "PROCESSED", records_written=3, snapshot_id=2),
    "b": ledger_file("b", "PROCESSED", records_written=3, snapshot_id=3),
    "poison": ledger_file("poison", "FAILED"),
    "old": ledger_file("changed@1", "MISSING", size_bytes=33),
    "new": ledger_file("changed@2", "PROCESSED", generation=2, size_bytes=44, records_written=4, snapshot_id=3),
    "raced": ledger_file("raced", "MISSING"),
}


def ledger_of(files: dict[str, LedgerFile]) -> Ledger:
    """A ledger whose summaries fit its files."""
    states = {file.state for file in files.values()}
    return Ledger(
        ingestion="ingestions/one",
        files=tuple(files.values()),
        runs=(LedgerRun(name="runs/2", state="SUCCEEDED", records_written=10),),
        summaries=tuple(
            Summary(
                state=state,
                file_count=sum(file.state == state for file in files.values()),
                records_written=sum(file.records_written for file in files.values() if file.state == state),
            )
            for state in sorted(states)
        ),
    )


LEDGER = ledger_of(FILES)
