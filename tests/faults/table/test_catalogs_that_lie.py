"""A catalog whose answers are lost, or that hears a commit twice, may lie; rows are loaded once all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from tests.checker.checker import assert_no_findings
from tests.e2e.installation import Installation, add_executor, installed, jars_folder
from tests.e2e.lake import CATALOG
from tests.e2e.places import Bucket
from tests.e2e.postgres_lake import PostgresLake
from tests.faults.armed import SOCKET_VARIABLE
from tests.faults.postgres.proxy import Fault, Proxy, has, proxied
from tests.faults.table.foreign import WriterOnPostgres
from tests.faults.table.ground import FIRST, SECOND, Loading, a_loading
from tests.faults.table.moments import Moments, moments
from tests.postgres import PostgresServer
from tests.servers.moto_server import running_moto

pytestmark = pytest.mark.wide

COMMIT = has("UPDATE iceberg_tables")
CONFLICTS = 50
# Iceberg waits up to a minute between two tries.
QUICK = {f"spark.sql.catalog.{CATALOG}.table-override.commit.retry.max-wait-ms": "100"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Liar:
    """An installation whose executor finds its catalog behind a wire."""

    installation: Installation
    lake: PostgresLake
    wire: Proxy
    moments: Moments

    async def a_loading(self, *numbers: int) -> Loading:
        return await a_loading(
            self.installation,
            *numbers,
            load_table=self.lake.load,
            foreign=lambda table: WriterOnPostgres(table=table, lake=self.lake),
        )


@pytest.fixture(scope="module")
async def liar(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, pytestconfig: pytest.Config
) -> AsyncIterator[Liar]:
    async with AsyncExitStack() as ends:
        moto = ends.enter_context(running_moto())
        url = await ends.enter_async_context(postgres.database(migrated=False))
        wire = await ends.enter_async_context(proxied(url))
        them = await ends.enter_async_context(moments())
        running = await ends.enter_async_context(installed(tmp_path_factory.mktemp("liar"), postgres))
        lake = PostgresLake(
            database_url=url, warehouse=Bucket(moto).make(), address=urlsplit(wire.url).netloc.rpartition("@")[2]
        )
        await add_executor(
            running,
            spark_conf={**lake.spark_conf(), **QUICK},
            data_folder=jars_folder(pytestconfig),
            prepare=lambda executor: executor.run_under("tests.faults.armed", **{SOCKET_VARIABLE: str(them.socket)}),
        )
        yield Liar(installation=running, lake=lake, wire=wire, moments=them)


@pytest.mark.parametrize("fault", [Fault.REQUEST_LOST, Fault.ANSWER_LOST, Fault.REPLAYED])
@pytest.mark.parametrize("point", ["executor.before_stage", "executor.before_pick"])
async def test_rows_are_loaded_once_whatever_becomes_of_a_commit(liar: Liar, point: str, fault: Fault) -> None:
    loading = await liar.a_loading(FIRST)

    async def spoil_the_next_commit() -> None:
        # Main has moved by then, so that a publication writes files: those that a liar has deleted.
        await loading.foreign.append()
        spoiled.append(liar.wire.once(fault, COMMIT))

    spoiled: list[asyncio.Event] = []
    acted = liar.moments.at(point, spoil_the_next_commit)
    await loading.loads(SECOND)
    await acted

    assert spoiled[0].is_set()
    assert_no_findings(await loading.findings(FIRST, SECOND))


async def test_rows_are_published_once_after_fifty_conflicts_in_a_row(liar: Liar) -> None:
    loading = await liar.a_loading(FIRST)

    async def be_faster() -> None:
        if len(loading.foreign.rows) < CONFLICTS:
            await loading.foreign.append()

    async def begin() -> None:
        liar.wire.before_each(COMMIT, be_faster)

    began = liar.moments.at("executor.before_pick", begin)
    await loading.loads(SECOND)
    await began

    assert len(loading.foreign.rows) == CONFLICTS
    assert_no_findings(await loading.findings(FIRST, SECOND))
