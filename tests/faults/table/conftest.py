"""One installation for all tables, with an executor whose points the tests watch; Spark is a server beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from pyspark.sql import SparkSession

from tests.e2e.connect_server import ConnectServer
from tests.e2e.installation import add_executor, installed, jars_folder
from tests.e2e.lake import CATALOG
from tests.e2e.services import Executor
from tests.faults.armed import SOCKET_VARIABLE
from tests.faults.seeded.bugs_of_tables import PLAIN_APPEND
from tests.faults.seeded.planted import BUG_VARIABLE
from tests.faults.table.auditor import Auditor
from tests.faults.table.ground import HONEST, PLAIN, Ground
from tests.faults.table.moments import moments
from tests.postgres import PostgresServer


@pytest.fixture(scope="session")
async def ground_of_all(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, pytestconfig: pytest.Config
) -> AsyncIterator[Ground]:
    async with AsyncExitStack() as ends:
        them = await ends.enter_async_context(moments())
        folder = tmp_path_factory.mktemp("tables")
        running = await ends.enter_async_context(installed(folder, postgres))
        server = ConnectServer(folder, spark_conf=running.lake.spark_conf(), data_folder=jars_folder(pytestconfig))
        running.services.append(server)
        await server.start()

        async def executor(name: str, *, under: str = "tests.faults.armed", bug: str = "", pool: str = "") -> Executor:
            return await add_executor(
                running,
                name=name,
                data_folder=jars_folder(pytestconfig),
                spark_conf={},
                prepare=lambda it: it.run_under(under, **{SOCKET_VARIABLE: str(them.socket), BUG_VARIABLE: bug}),
                spark_master=server.url,
                **({"pool": pool} if pool else {}),
            )

        spark = await asyncio.to_thread(SparkSession.builder.remote(server.url).create)
        spark.conf.set(f"spark.sql.catalog.{CATALOG}.cache-enabled", "false")
        yield Ground(
            running,
            executors={
                HONEST: await executor("honest"),
                PLAIN: await executor("plain", under="tests.faults.seeded.planted", bug=PLAIN_APPEND, pool=PLAIN),
            },
            auditor=Auditor(
                {
                    "control_plane": running.control_plane.address,
                    "spark_master": server.url,
                    "default_catalog": CATALOG,
                    "data_folder": str(jars_folder(pytestconfig)),
                }
            ),
            moments=them,
            spark=spark,
        )
        await asyncio.to_thread(spark.stop)


@pytest.fixture
def ground(ground_of_all: Ground) -> Ground:
    ground_of_all.moments.forget()
    return ground_of_all
