"""One installation for all tables, with an executor whose points the tests watch; Spark is a server beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.e2e.connect_server import ConnectServer
from tests.e2e.installation import Installation, add_executor, installed, jars_folder
from tests.e2e.lake import CATALOG
from tests.e2e.services import Executor
from tests.faults.armed import SOCKET_VARIABLE
from tests.faults.seeded.bugs_of_tables import PLAIN_APPEND
from tests.faults.seeded.planted import BUG_VARIABLE
from tests.faults.table.auditor import Auditor
from tests.faults.table.ground import HONEST, PLAIN, Ground
from tests.faults.table.moments import Moments, moments
from tests.postgres import PostgresServer


@pytest.fixture(scope="session")
async def ground_of_all(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, pytestconfig: pytest.Config
) -> AsyncIterator[Ground]:
    folder, jars = tmp_path_factory.mktemp("tables"), jars_folder(pytestconfig)
    async with moments() as them, installed(folder, postgres) as running:
        server = ConnectServer(folder, spark_conf=running.lake.spark_conf(), data_folder=jars)
        running.services.append(server)
        await server.start()
        spark = await asyncio.to_thread(_a_hand, server.url)
        yield Ground(
            running,
            executors=await _executors(running, server, them, jars),
            auditor=_auditor(running, server, jars),
            moments=them,
            spark=spark,
        )
        await asyncio.to_thread(spark.stop)


@pytest.fixture
def ground(ground_of_all: Ground) -> Ground:
    ground_of_all.moments.forget()
    return ground_of_all


def _a_hand(url: str) -> SparkSession:
    """A session of somebody else, who sees each table as it is."""
    spark: SparkSession = SparkSession.builder.remote(url).create()
    spark.conf.set(f"spark.sql.catalog.{CATALOG}.cache-enabled", "false")
    return spark


async def _executors(running: Installation, server: ConnectServer, them: Moments, jars: Path) -> Mapping[str, Executor]:
    async def executor(pool: str, *, under: str, bug: str = "") -> Executor:
        return await add_executor(
            running,
            name=f"of-pool-{pool}",
            data_folder=jars,
            spark_conf={},
            prepare=lambda it: it.run_under(under, **{SOCKET_VARIABLE: str(them.socket), BUG_VARIABLE: bug}),
            spark_master=server.url,
            pool=pool,
        )

    return {
        HONEST: await executor(HONEST, under="tests.faults.armed"),
        PLAIN: await executor(PLAIN, under="tests.faults.seeded.planted", bug=PLAIN_APPEND),
    }


def _auditor(running: Installation, server: ConnectServer, jars: Path) -> Auditor:
    return Auditor(
        {
            "control_plane": running.control_plane.address,
            "spark_master": server.url,
            "default_catalog": CATALOG,
            "data_folder": str(jars),
        }
    )
