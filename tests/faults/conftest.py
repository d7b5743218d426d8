"""Two installations for all faults, one with warm Sparks of its executors' own, one with a server that outlives them.

A service that was killed is started again for the next test; what a test made of it is judged before.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from tests.checker.wire import Wire
from tests.e2e.connect_server import ConnectServer
from tests.e2e.installation import Installation, add_executor, installed, jars_folder
from tests.e2e.services import Service
from tests.faults.failpoints import Failpoints, failpoints
from tests.faults.interposer import interposed
from tests.faults.matrix.stage import LEASE_SECONDS, Stage
from tests.faults.scene import Scene, Wired
from tests.postgres import PostgresServer, running_postgres


@pytest.fixture(scope="session")
async def postgres() -> AsyncIterator[PostgresServer]:
    async with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
async def installation(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer
) -> AsyncIterator[Installation]:
    async with installed(tmp_path_factory.mktemp("faults"), postgres) as running:
        yield running


@pytest.fixture(scope="session")
async def victim_points() -> AsyncIterator[Failpoints]:
    async with failpoints() as points:
        yield points


@pytest.fixture(scope="session")
async def scene_of_all(
    installation: Installation, victim_points: Failpoints, pytestconfig: pytest.Config
) -> AsyncIterator[Scene]:
    watch = Wire()
    async with AsyncExitStack() as ends:

        async def wired(name: str, prepare: Callable[[Service], None]) -> Wired:
            wire = await ends.enter_async_context(interposed(installation.control_plane.address, watch))
            folder = jars_folder(pytestconfig)
            executor = await add_executor(
                installation, name=name, control_plane=wire.address, data_folder=folder, prepare=prepare
            )
            return Wired(executor, wire)

        victim, successor = await wired("victim", victim_points.govern), await wired("successor", _as_it_is)
        yield Scene(installation, victim, successor, watch)


@pytest.fixture
async def scene(scene_of_all: Scene, victim_points: Failpoints) -> AsyncIterator[Scene]:
    with scene_of_all.judged():
        yield scene_of_all
        victim_points.disarm()
        for each in (scene_of_all.victim, scene_of_all.successor):
            await each.revive()


@pytest.fixture(scope="session")
async def stage_of_all(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, pytestconfig: pytest.Config
) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as ends:
        theirs, ours = [await ends.enter_async_context(failpoints()) for _ in range(2)]
        folder, watch = tmp_path_factory.mktemp("matrix"), Wire()
        running = await ends.enter_async_context(
            installed(folder, postgres, lease_seconds=LEASE_SECONDS, prepare=theirs.govern)
        )
        spark = ConnectServer(folder, spark_conf=running.lake.spark_conf(), data_folder=jars_folder(pytestconfig))
        running.services.append(spark)
        await spark.start()

        async def wired(name: str, prepare: Callable[[Service], None]) -> Wired:
            wire = await ends.enter_async_context(interposed(running.control_plane.address, watch))
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

        scene = Scene(running, await wired("victim", ours.govern), await wired("successor", _as_it_is), watch)
        yield Stage(scene, spark.url, control_plane_points=theirs, executor_points=ours)


@pytest.fixture
async def stage(stage_of_all: Stage) -> AsyncIterator[Stage]:
    with stage_of_all.scene.judged():
        yield stage_of_all
        await stage_of_all.tidy_up()


def _as_it_is(service: Service) -> None:
    """Prepares nothing."""
