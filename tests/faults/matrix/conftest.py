"""One installation for the whole matrix, its points in the tests' hand; Spark is a server that outlives the killed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from tests.e2e.connect_server import ConnectServer
from tests.e2e.installation import Installation, add_executor, installed, jars_folder
from tests.e2e.services import Service
from tests.faults.armed import SOCKET_VARIABLE
from tests.faults.failpoints import Failpoints, failpoints
from tests.faults.interposer import interposed
from tests.faults.matrix.stage import Stage
from tests.faults.scene import Scene, Wired
from tests.postgres import PostgresServer

# Long enough for a slow machine's heartbeat, short enough for hundreds of takeovers.
LEASE_SECONDS = 2.0


def _under(points: Failpoints) -> Callable[[Service], None]:
    def prepare(service: Service) -> None:
        service.run_under("tests.faults.armed", **{SOCKET_VARIABLE: str(points.socket)})

    return prepare


@pytest.fixture(scope="session")
async def stage_of_all(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, pytestconfig: pytest.Config
) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as ends:
        theirs, ours = [await ends.enter_async_context(failpoints()) for _ in range(2)]
        folder = tmp_path_factory.mktemp("matrix")
        running = await ends.enter_async_context(
            installed(folder, postgres, lease_seconds=LEASE_SECONDS, prepare=_under(theirs))
        )
        spark = ConnectServer(folder, spark_conf=running.lake.spark_conf(), data_folder=jars_folder(pytestconfig))
        running.services.append(spark)
        await spark.start()

        async def wired(name: str, prepare: Callable[[Service], None]) -> Wired:
            wire = await ends.enter_async_context(interposed(running.control_plane.address))
            executor = await add_executor(
                running,
                name=name,
                control_plane=wire.address,
                data_folder=jars_folder(pytestconfig),
                spark_conf={},
                prepare=prepare,
                spark_master=spark.url,
            )
            return Wired(executor, wire)

        scene = Scene(running, await wired("victim", _under(ours)), await wired("successor", lambda _: None))
        yield Stage(scene, control_plane_points=theirs, executor_points=ours)


@pytest.fixture
async def stage(stage_of_all: Stage) -> AsyncIterator[Stage]:
    yield stage_of_all
    await stage_of_all.tidy_up()


@pytest.fixture
def installation(stage_of_all: Stage) -> Installation:
    return stage_of_all.scene.installation
