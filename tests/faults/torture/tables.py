"""Others who use the tables of a torture: a foreign writer, a compaction, an expiry, and one who looks into them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from pyspark.sql import SparkSession

from tests.checker.checksum import checksum_of
from tests.checker.manifest import Expectation, ExpectedFile
from tests.e2e.lake import CATALOG

FOREIGN_ROWS_MAX = 200
WARMING = [
    f"CREATE NAMESPACE {CATALOG}.warm",
    f"CREATE TABLE {CATALOG}.warm.rows (id bigint, source string, text string) USING iceberg",
    f"INSERT INTO {CATALOG}.warm.rows SELECT id, 'warm', 'row' FROM range(10)",
    f"SELECT count(*) FROM {CATALOG}.warm.rows",
    f"DROP TABLE {CATALOG}.warm.rows",
]


@dataclass(slots=True)
class Tables:
    """A Spark session of our own. Everything is tried once: what fails, or comes before its table, does nothing.

    `foreign` are the foreign writer's additions that are in, by table; `lock` keeps one who looks from one who changes.
    """

    spark: SparkSession
    namespace: str
    foreign: dict[str, list[ExpectedFile]] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def append(self, table: str, random: Random) -> bool:
        """Adds rows of nobody's files, which must stay as well."""
        if not await self._snapshots(table):
            return False
        key = f"foreign-{random.randrange(1 << 48):012x}"
        count = random.randint(1, FOREIGN_ROWS_MAX)
        await self._tried(
            f"INSERT INTO {self._sql(table)} (id, source, text) SELECT id, '{key}', 'foreign' FROM range({count})"
        )
        # A failure may have come after the commit.
        if not await self.rows_of(table, [key]):
            return False
        rows = [{"id": number, "source": key, "text": "foreign"} for number in range(count)]
        expected = ExpectedFile(key=key, expectation=Expectation.FOREIGN, checksum=checksum_of(rows))
        self.foreign.setdefault(table, []).append(expected)
        return True

    async def compact(self, table: str) -> bool:
        return await self._called(table, "rewrite_data_files", "options => map('min-input-files', '2')")

    async def expire(self, table: str) -> bool:
        """Expires what the table's own settings let go: nothing younger than seven days."""
        return await self._called(table, "expire_snapshots")

    async def expire_history(self, table: str, random: Random) -> bool:
        """Breaks the promise to keep history: of main only its head is left, and that is a foreign one."""
        await self.append(table, random)
        before = await self._snapshots(table)
        await self._called(table, "expire_snapshots", "older_than => TIMESTAMP '2999-01-01', retain_last => 1")
        return len(await self._snapshots(table)) < len(before)

    async def lose_branch(self, table: str, random: Random) -> bool:
        """Drops a private branch whose snapshot is not in main, and expires the snapshot."""
        rows = await self._tried(f"SELECT name, snapshot_id FROM {self._sql(table)}.refs WHERE name LIKE 'al\\_%'")
        in_main = set(await self._main(table))
        lost = [row for row in rows or () if row["snapshot_id"] not in in_main]
        if not lost:
            return False
        chosen = random.choice(lost)
        await self._tried(f"ALTER TABLE {self._sql(table)} DROP BRANCH IF EXISTS `{chosen['name']}`")
        return await self._called(table, "expire_snapshots", f"snapshot_ids => array({chosen['snapshot_id']})")

    async def rows_of(self, table: str, names: Sequence[str]) -> int:
        """Rows in main of files of these names, whichever version they were read from."""
        listed = ", ".join(f"'{name}'" for name in names)
        condition = f"substring_index(source, '@', 1) IN ({listed})"
        rows = None
        while rows is None:
            rows = await self._tried(f"SELECT count(*) AS rows FROM {self._sql(table)} WHERE {condition}")
        return int(rows[0]["rows"])

    async def _snapshots(self, table: str) -> Sequence[Any]:
        return await self._tried(f"SELECT snapshot_id FROM {self._sql(table)}.snapshots") or ()

    async def _main(self, table: str) -> list[int]:
        rows = await self._tried(f"SELECT snapshot_id FROM {self._sql(table)}.history WHERE is_current_ancestor")
        return [row["snapshot_id"] for row in rows or ()]

    async def _called(self, table: str, procedure: str, more: str = "") -> bool:
        arguments = ", ".join(filter(None, (f"table => '{self.namespace}.{table}'", more)))
        return await self._tried(f"CALL {CATALOG}.system.{procedure}({arguments})") is not None

    async def _tried(self, statement: str) -> Sequence[Any] | None:
        """The rows; None when it failed."""

        def run() -> Sequence[Any] | None:
            try:
                return self.spark.sql(statement).collect()
            except Exception:  # others change the table as well
                return None

        async with self.lock:
            return await asyncio.to_thread(run)

    def _sql(self, table: str) -> str:
        return f"{CATALOG}.{self.namespace}.{table}"


async def warm(url: str) -> None:
    """Has a Spark Connect server do once what it will be asked for: the first time costs a JVM ten times as much."""
    async with a_session(url) as spark:
        for statement in WARMING:
            await asyncio.to_thread(spark.sql(statement).collect)


@asynccontextmanager
async def a_session(url: str) -> AsyncIterator[SparkSession]:
    """A session on a Spark Connect server."""
    # It shouts at each table that is not there yet.
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)
    create: Callable[[], SparkSession] = SparkSession.builder.remote(url).create
    spark = await asyncio.to_thread(create)
    try:
        yield spark
    finally:
        await asyncio.to_thread(spark.stop)
