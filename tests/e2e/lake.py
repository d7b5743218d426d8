"""The tables of a story, on this machine: what makes them known to Spark, and an independent reader of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot

CATALOG = "lake"
SQLITE_OPTIONS = "journal_mode=WAL&busy_timeout=30000&transaction_mode=IMMEDIATE"


class Lake:
    """An Iceberg catalog in a SQLite file, and a warehouse in a folder."""

    def __init__(self, folder: Path) -> None:
        self._catalog_file = folder / "catalog.db"
        self._warehouse = folder / "warehouse"

    def spark_conf(self) -> dict[str, str]:
        prefix = f"spark.sql.catalog.{CATALOG}"
        return {
            prefix: "org.apache.iceberg.spark.SparkCatalog",
            f"{prefix}.type": "jdbc",
            f"{prefix}.uri": f"jdbc:sqlite:{self._catalog_file}?{SQLITE_OPTIONS}",
            f"{prefix}.jdbc.schema-version": "V1",
            f"{prefix}.warehouse": f"file://{self._warehouse}",
        }

    @contextmanager
    def catalog(self) -> Iterator[SqlCatalog]:
        """For who stands in for another writer."""
        catalog = SqlCatalog(CATALOG, uri=f"sqlite:///{self._catalog_file}", warehouse=f"file://{self._warehouse}")
        with closing(catalog):
            yield catalog

    def load(self, table: str) -> Table | None:
        """The table as it is now; None when it does not exist."""
        with self.catalog() as catalog:
            try:
                return catalog.load_table(table)
            except NoSuchTableError:
                return None

    def read(self, table: str) -> TableContent | None:
        """What a reader sees in the table now; None when it does not exist."""
        loaded = self.load(table)
        return None if loaded is None else content_of(loaded)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableContent:
    """A table as PyIceberg reads it: its columns, its ids, and how main came to be, newest snapshot first.

    `snapshot_ids` are those of every branch; `table` is for whoever looks closer.
    """

    columns: list[str]
    ids: list[int]
    history: list[Snapshot]
    snapshot_ids: set[int]
    table: Table

    @property
    def records_added(self) -> int:
        """Rows that the snapshots of main say they added."""
        return sum(int(str(each.summary["added-records"] or 0)) for each in self.history if each.summary)

    def holds_once(self, *expected: Iterable[int]) -> bool:
        """Whether these are the ids of the table, each one once; says on failure which are not."""
        wanted = Counter(id for ids in expected for id in ids)
        found = Counter(self.ids)
        missing, surplus = wanted - found, found - wanted
        assert not missing, f"{missing.total()} rows are missing, such as id {min(missing)}"
        assert not surplus, f"{surplus.total()} rows are too many, such as id {min(surplus)}"
        assert self.records_added == len(self.ids), "main's snapshots added another number of rows"
        return True


def content_of(table: Table) -> TableContent:
    return TableContent(
        columns=table.schema().column_names,
        ids=table.scan(selected_fields=("id",)).to_arrow()["id"].to_pylist(),
        history=list(_ancestry(table)),
        snapshot_ids={snapshot.snapshot_id for snapshot in table.snapshots()},
        table=table,
    )


def _ancestry(table: Table) -> Iterator[Snapshot]:
    snapshot = table.current_snapshot()
    while snapshot is not None:
        yield snapshot
        parent = snapshot.parent_snapshot_id
        snapshot = table.snapshot_by_id(parent) if parent is not None else None
