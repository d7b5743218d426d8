"""Where tables are changed under the executor's feet: services, a hand on the tables, and loads to check afterwards."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autoloader.v1 import files_pb2, runs_pb2
from pyiceberg.table import Table
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from tests.checker.checker import check
from tests.checker.findings import Finding
from tests.checker.manifest import Expectation, ExpectedFile, Workload, a_file, by_ids
from tests.e2e.client import CALL_SECONDS
from tests.e2e.installation import Installation
from tests.e2e.lake import CATALOG, content_of
from tests.e2e.places import Folder
from tests.e2e.records import ids_of_file, lines, record
from tests.e2e.services import Executor
from tests.faults.table.auditor import Auditor
from tests.faults.table.foreign import FOREIGN, FOREIGN_IDS, ForeignWriter, WriterOnSqlite
from tests.faults.table.moments import Moments

RECORDS_PER_FILE = 100
FIRST, SECOND = 0, 1
# Pools: that of the executor as it is, and that of one which appends to main.
HONEST, PLAIN = "default", "plain"
CONFLICTS_MAX = 10
SETTLED_SECONDS = 60.0

Resolution = runs_pb2.ResolvePublishRequest.Resolution


@dataclass(frozen=True, slots=True)
class Loading:
    """An ingestion of a folder into a table, both of its own, and what its table must hold."""

    installation: Installation
    place: Folder
    table: str
    ingestion: str
    load_table: Callable[[str], Awaitable[Table | None]]
    foreign: ForeignWriter
    renamed: dict[str, str] = field(default_factory=dict)

    @property
    def sql_name(self) -> str:
        return f"{CATALOG}.{self.table}"

    def put(self, *numbers: int) -> None:
        for number in numbers:
            self.place.put(f"data-{number}.json", lines(rows_of(number)))

    async def start(self) -> str:
        return await self.installation.client.start_run(self.ingestion)

    async def run(self) -> runs_pb2.Run:
        """Runs it to its rest."""
        return await self.installation.run(self.ingestion)

    async def rested(self, run: str) -> runs_pb2.Run:
        return await self.installation.rested(run)

    async def loads(self, *numbers: int) -> None:
        """Puts files, and sees them loaded."""
        self.put(*numbers)
        run = await self.run()
        assert run.state == runs_pb2.Run.STATE_SUCCEEDED, run

    async def ids(self) -> list[int]:
        """Those that a reader of the table sees now, sorted."""
        table = await self.load_table(self.table)
        assert table is not None, "there is no table"
        return sorted((await asyncio.to_thread(content_of, table)).ids)

    async def ids_of_ours(self) -> list[int]:
        """The same, without another writer's."""
        return [id for id in await self.ids() if id not in FOREIGN_IDS]

    async def settled(self, run: runs_pb2.Run) -> runs_pb2.Run:
        """A run that rests, once nothing is left to be done of what a person said of it."""
        async with asyncio.timeout(SETTLED_SECONDS):
            while True:
                seen = await self.installation.client.runs.GetRun(runs_pb2.GetRunRequest(name=run.name))
                if seen.leases_in_doubt or not seen.files_remaining:
                    return seen
                await asyncio.sleep(0.2)

    async def findings(self, *loaded: int, failed: Iterable[int] = ()) -> list[Finding]:
        """What the checker finds when these files are to be loaded once, and these not at all."""
        expected = [self._expected(number, Expectation.LOADED) for number in loaded]
        expected += [self._expected(number, Expectation.FAILED) for number in failed]
        numbers = {f"data-{number}.json": ids_of(number) for number in (*loaded, *failed)}
        workload = Workload(files=(*expected, self.foreign.file()), owner_of=by_ids({**numbers, FOREIGN: FOREIGN_IDS}))
        table = await self.load_table(self.table)
        return await check(self.installation.client, self.ingestion, table=table, workload=workload)

    async def resolve(self, run: runs_pb2.Run, resolution: Resolution.ValueType, *, snapshot_id: int = 0) -> None:
        """Says what a person found out about the one lease of a run that is in doubt."""
        (lease,) = run.leases_in_doubt
        request = runs_pb2.ResolvePublishRequest(
            name=run.name,
            lease=lease,
            resolution=resolution,
            snapshot_id=snapshot_id,
            request_id=str(uuid.uuid4()),
        )
        await self.installation.client.runs.ResolvePublish(request, timeout=CALL_SECONDS)

    async def file(self, number: int) -> files_pb2.File:
        """What the ledger says of a file."""
        return (await self.installation.client.list_files(self.ingestion))[f"data-{number}.json"]

    def _expected(self, number: int, expectation: Expectation) -> ExpectedFile:
        rows = ({self.renamed.get(name, name): value for name, value in row.items()} for row in rows_of(number))
        return a_file(f"data-{number}.json", rows, uri=f"/data-{number}.json", expectation=expectation)


@dataclass(frozen=True, slots=True)
class Ground:
    """`spark` is the hand of somebody else on the tables; `executors` are by their pools, `moments` are theirs."""

    installation: Installation
    executors: Mapping[str, Executor]
    auditor: Auditor
    moments: Moments
    spark: SparkSession

    async def a_loading(self, *numbers: int, pool: str = "") -> Loading:
        """A load of a folder that was loaded with these files in it, if any."""
        lake = self.installation.lake

        async def load_table(table: str) -> Table | None:
            return await asyncio.to_thread(lake.load, table)

        return await a_loading(
            self.installation,
            *numbers,
            load_table=load_table,
            foreign=lambda table: WriterOnSqlite(lake=lake, table=table),
            pool=pool,
        )

    async def sql(self, *statements: str) -> list[Any]:
        """Does what somebody else does to the tables; the rows of the last statement."""
        return await asyncio.to_thread(self._sql, statements)

    def _sql(self, statements: Sequence[str]) -> list[Any]:
        return [self._said(statement) for statement in statements][-1]

    def _said(self, statement: str) -> list[Any]:
        """What a statement answers; one that conflicts with a commit of the executor is said again."""
        for _ in range(CONFLICTS_MAX):
            try:
                return self.spark.sql(statement).collect()
            except PySparkException as error:
                if "CommitFailedException" not in str(error):
                    raise
        raise AssertionError(f"conflicts without end: {statement}")

    async def change(self, loading: Loading, change: str) -> None:
        """Alters the table of a load."""
        await self.sql(f"ALTER TABLE {loading.sql_name} {change}")

    async def head(self, loading: Loading) -> int:
        (row,) = await self.sql(f"SELECT snapshot_id FROM {loading.sql_name}.refs WHERE name = 'main'")
        return int(row[0])

    async def staged(self, loading: Loading) -> list[int]:
        """The snapshots of private branches that are not in main."""
        rows = await self.sql(
            f"SELECT snapshot_id FROM {loading.sql_name}.refs WHERE name LIKE 'al%' AND snapshot_id NOT IN"
            f" (SELECT snapshot_id FROM {loading.sql_name}.history)"
        )
        return [row["snapshot_id"] for row in rows]

    async def publish_by_hand(self, loading: Loading) -> int:
        """Puts what is staged into main, as a person may; the snapshot that it became there."""
        (staged,) = await self.staged(loading)
        await self.sql(f"CALL {CATALOG}.system.cherrypick_snapshot('{loading.table}', {staged})")
        return await self.head(loading)

    async def drop_private_branches(self, loading: Loading) -> None:
        branches = await self.sql(f"SELECT name FROM {loading.sql_name}.refs WHERE name LIKE 'al%'")
        for row in branches:
            await self.change(loading, f"DROP BRANCH `{row['name']}`")

    async def expire_all_but_head(self, loading: Loading) -> None:
        """Expires what main has behind its head, whatever its age."""
        await self.sql(
            f"CALL {CATALOG}.system.expire_snapshots("
            f"table => '{loading.table}', older_than => TIMESTAMP '2100-01-01 00:00:00', retain_last => 1)"
        )


async def a_loading(
    installation: Installation,
    *numbers: int,
    load_table: Callable[[str], Awaitable[Table | None]],
    foreign: Callable[[str], ForeignWriter],
    pool: str = "",
) -> Loading:
    """A load of a folder of its own, which was loaded with these files in it, if any."""
    name = f"t{uuid.uuid4().hex}"
    place, table = Folder(installation.folder / name), f"faults.{name}"
    ingestion = await installation.client.create(place.source, table=table, pool=pool)
    loading = Loading(installation, place, table, ingestion, load_table, foreign(table))
    if numbers:
        await loading.loads(*numbers)
    return loading


def rows_of(number: int) -> list[dict[str, Any]]:
    return [record(id) for id in ids_of(number)]


def ids_of(number: int) -> range:
    return ids_of_file(number, records=RECORDS_PER_FILE)


IDS_OF_FIRST = list(ids_of(FIRST))
