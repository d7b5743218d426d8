"""The checker finds what is planted in a real Iceberg table, which it reads from its files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table
from pyiceberg.types import StringType

from tests.checker.checker import assert_no_findings
from tests.checker.findings import Invariant
from tests.checker.invariants import violations
from tests.checker.ledger import Ledger, LedgerFile, LedgerRun, Summary
from tests.checker.manifest import Workload, a_file, by_column
from tests.checker.table import TableReader
from tests.checker.watch import Watch

SCHEMA = pa.schema([("id", pa.int64()), ("source", pa.string()), ("at", pa.timestamp("us", tz="UTC"))])
SOURCE = by_column("source")
MISCOUNTED = {Invariant.LEDGER_TELLS_TRUTH, Invariant.FIGURES_EQUAL}


def rows_of(key: str, count: int) -> list[dict[str, Any]]:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return [{"id": number, "source": key, "at": moment + timedelta(seconds=number)} for number in range(count)]


@dataclass(slots=True)
class Load:
    """A table into which files are loaded as the product does it, and a ledger that says so."""

    catalog: SqlCatalog
    name: str
    counts: dict[str, int] = field(default_factory=dict)
    snapshots: dict[str, int] = field(default_factory=dict)

    @property
    def table(self) -> Table:
        return self.catalog.load_table(self.name)

    def load(self, key: str, *, count: int = 10, lease: str = "") -> None:
        """Appends the rows of a file, under a lease."""
        self.append(key, count=count, lease=lease or f"lease of {key}")
        self.counts[key] = count
        head = self.table.current_snapshot()
        assert head is not None
        self.snapshots[key] = head.snapshot_id

    def append(self, key: str, *, count: int, lease: str) -> None:
        rows = pa.Table.from_pylist(rows_of(key, count), schema=SCHEMA)
        self.table.append(rows, snapshot_properties={"autoloader.lease": lease, "wap.id": lease})

    @property
    def workload(self) -> Workload:
        files = (a_file(key, rows_of(key, count)) for key, count in self.counts.items())
        return Workload(files=tuple(files), owner_of=SOURCE)

    @property
    def ledger(self) -> Ledger:
        files = tuple(
            LedgerFile(
                name=key,
                uri=f"s3://bucket/{key}",
                state="PROCESSED",
                records_written=count,
                snapshot_id=self.snapshots[key],
            )
            for key, count in self.counts.items()
        )
        total = sum(self.counts.values())
        return Ledger(
            ingestion="ingestions/one",
            files=files,
            runs=(LedgerRun(name="runs/1", state="SUCCEEDED", records_written=total),),
            summaries=(Summary(state="PROCESSED", file_count=len(files), records_written=total),),
        )

    def violated(self) -> set[Invariant]:
        view = TableReader(SOURCE).read(self.table)
        return {finding.invariant for finding in violations(view, self.ledger, self.workload)}

    def data_files(self) -> Sequence[Path]:
        """Those of the head, newest first."""
        return [Path(each.file.file_path.removeprefix("file://")) for each in self.table.scan().plan_files()]


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    """Three files, loaded."""
    catalog = SqlCatalog("lake", uri=f"sqlite:///{tmp_path}/catalog.db", warehouse=f"file://{tmp_path}/warehouse")
    with closing(catalog):
        catalog.create_namespace("checked")
        catalog.create_table("checked.rows", schema=SCHEMA)
        load = Load(catalog, "checked.rows")
        for key in ("a", "b", "c"):
            load.load(key)
        yield load


def test_a_table_that_is_right_has_no_findings(load: Load) -> None:
    view = TableReader(SOURCE).read(load.table)

    assert_no_findings(violations(view, load.ledger, load.workload))
    assert [set(snapshot.leases) for snapshot in view.chain] == [{"lease of c"}, {"lease of b"}, {"lease of a"}]
    assert len(view.live) == 3


def test_rows_on_a_branch_are_not_in_the_table(load: Load) -> None:
    head = load.table.current_snapshot()
    assert head is not None
    load.table.manage_snapshots().create_branch(head.snapshot_id, "al_1").commit()
    rows = pa.Table.from_pylist(rows_of("a", 10), schema=SCHEMA)
    load.table.append(rows, snapshot_properties={"autoloader.lease": "another"}, branch="al_1")

    assert load.violated() == set()


def test_a_column_that_was_renamed_and_one_that_was_added_change_no_row(load: Load) -> None:
    with load.table.update_schema() as update:
        update.rename_column("at", "when")
        update.add_column("note", StringType())
    renamed = [
        a_file(key, ({"id": row["id"], "source": key, "when": row["at"]} for row in rows_of(key, 10)))
        for key in load.counts
    ]
    view = TableReader(SOURCE).read(load.table)

    assert_no_findings(violations(view, load.ledger, replace(load.workload, files=tuple(renamed))))


def test_a_plain_second_append_of_the_same_lease_is_found(load: Load) -> None:
    load.append("a", count=10, lease="lease of a")

    assert load.violated() == {Invariant.ROWS_ONCE, Invariant.LEASE_ONCE} | MISCOUNTED


def test_a_second_append_under_another_lease_is_found(load: Load) -> None:
    load.append("a", count=10, lease="another")

    assert load.violated() == {Invariant.ROWS_ONCE} | MISCOUNTED


def test_a_file_that_was_never_loaded_is_found(load: Load) -> None:
    load.counts["d"], load.snapshots["d"] = 10, load.snapshots["c"]

    assert load.violated() == {Invariant.ROWS_ONCE} | MISCOUNTED


def test_a_row_of_nobody_is_found(load: Load) -> None:
    load.append("nobody", count=1, lease="another")

    assert load.violated() == {Invariant.NO_ROWS_OF_OTHERS, Invariant.FIGURES_EQUAL}


def test_a_snapshot_that_vanished_is_found(load: Load) -> None:
    load.table.manage_snapshots().rollback_to_snapshot(load.snapshots["b"]).commit()

    assert load.violated() == {Invariant.ROWS_ONCE} | MISCOUNTED


def test_a_data_file_that_was_deleted_is_found(load: Load) -> None:
    load.data_files()[0].unlink()

    assert load.violated() == {Invariant.DATA_FILE_EXISTS, Invariant.ROWS_ONCE} | MISCOUNTED


def test_a_data_file_in_two_snapshots_is_found(load: Load, tmp_path: Path) -> None:
    path = tmp_path / "added.parquet"
    pq.write_table(pa.Table.from_pylist(rows_of("d", 10), schema=SCHEMA), path)
    for lease in ("one", "another"):
        properties = {"autoloader.lease": lease}
        load.table.add_files([f"file://{path}"], snapshot_properties=properties, check_duplicate_files=False)
    load.counts["d"], load.snapshots["d"] = 10, load.snapshots["c"]

    assert load.violated() == {Invariant.DATA_FILE_ONCE, Invariant.ROWS_ONCE} | MISCOUNTED


async def test_a_watch_sees_rows_vanish_and_nothing_while_they_only_come(load: Load) -> None:
    watch = Watch(lambda: load.table, SOURCE)
    await watch.observe()
    load.load("d")
    await watch.observe()
    assert_no_findings(watch.findings)

    load.table.manage_snapshots().rollback_to_snapshot(load.snapshots["c"]).commit()
    await watch.observe()

    assert [finding.ids for finding in watch.findings] == [
        (str(load.snapshots["d"]), str(load.snapshots["c"])),
        ("d",),
    ]


async def test_a_watch_sees_that_a_data_file_was_deleted(load: Load) -> None:
    watch = Watch(lambda: load.table, SOURCE)
    await watch.observe()
    load.data_files()[0].unlink()
    await watch.observe()

    assert [finding.invariant for finding in watch.findings] == [Invariant.ROWS_STAY]


async def test_a_watch_looks_again_when_the_table_moves_on_under_its_hands(load: Load) -> None:
    before = load.table
    paths = load.data_files()
    load.table.overwrite(load.table.scan().to_arrow())
    tables = iter([before, load.table])
    load.table.maintenance.expire_snapshots().by_ids([*load.snapshots.values()]).commit()
    for path in paths:
        path.unlink()
    watch = Watch(lambda: next(tables, load.table), SOURCE)

    assert not (await watch.observe()).absent
    assert watch.findings == []


async def test_a_watch_lets_another_writer_rewrite_rows(load: Load) -> None:
    watch = Watch(lambda: load.table, SOURCE)
    await watch.observe()
    load.table.overwrite(load.table.scan().to_arrow())
    await watch.observe()

    assert_no_findings(watch.findings)


def test_a_hundred_thousand_rows_are_told_apart(load: Load) -> None:
    for number in range(10):
        load.load(f"large-{number}", count=10_000)

    assert load.violated() == set()

    load.append("large-9", count=1, lease="another")

    assert load.violated() == {Invariant.ROWS_ONCE} | MISCOUNTED
