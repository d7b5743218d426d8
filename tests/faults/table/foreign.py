"""A writer that knows nothing of us, and commits to main whenever it likes."""

from __future__ import annotations

import asyncio
import tempfile
from abc import ABC, abstractmethod
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.catalog.sql import SqlCatalog

from tests.checker.manifest import Expectation, ExpectedFile, a_file
from tests.e2e.lake import Lake
from tests.e2e.postgres_lake import PostgresLake

FOREIGN = "foreign"
FOREIGN_IDS = range(1_000_000, 2_000_000)


@dataclass(slots=True, kw_only=True)
class ForeignWriter(ABC):
    """Appends a row at a time to a table; `rows` are those that it has committed."""

    table: str
    rows: list[dict[str, Any]] = field(default_factory=list)

    async def append(self) -> None:
        row = {"id": FOREIGN_IDS.start + len(self.rows)}
        await self._commit(pa.Table.from_pylist([row]))
        self.rows.append(row)

    def file(self) -> ExpectedFile:
        """Its rows, as a checker expects them."""
        return a_file(FOREIGN, self.rows, expectation=Expectation.FOREIGN)

    @abstractmethod
    async def _commit(self, rows: pa.Table) -> None: ...


@dataclass(slots=True, kw_only=True)
class WriterOnSqlite(ForeignWriter):
    lake: Lake

    async def _commit(self, rows: pa.Table) -> None:
        await asyncio.to_thread(self._append, rows)

    def _append(self, rows: pa.Table) -> None:
        with self.lake.catalog() as catalog:
            catalog.load_table(self.table).append(rows)


@dataclass(slots=True, kw_only=True)
class WriterOnPostgres(ForeignWriter):
    """PyIceberg has no driver here for PostgreSQL: it commits to a catalog aside, and we move the table on."""

    lake: PostgresLake

    async def _commit(self, rows: pa.Table) -> None:
        since = await self.lake.location(self.table)
        assert since, f"there is no table {self.table}"
        became = await asyncio.to_thread(self._append, since, rows)
        assert await self.lake.move(self.table, since=since, to=became), "somebody else was faster"

    def _append(self, since: str, rows: pa.Table) -> str:
        with tempfile.TemporaryDirectory() as folder, closing(self._aside(Path(folder))) as catalog:
            table = catalog.register_table("aside.table", since)
            table.append(rows)
            return table.metadata_location

    def _aside(self, folder: Path) -> Catalog:
        catalog = SqlCatalog("aside", uri=f"sqlite:///{folder}/catalog.db", **self.lake.reader_properties())
        catalog.create_namespace("aside")
        return catalog
