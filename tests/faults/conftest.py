"""One control plane and two warm executors for all faults; one that was killed is started again for the next."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.e2e.installation import Installation, add_executor, installed, jars_folder
from tests.faults.interposer import interposed
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
async def executors(installation: Installation, pytestconfig: pytest.Config) -> AsyncIterator[tuple[Wired, Wired]]:
    async with AsyncExitStack() as ends:

        async def wired(name: str) -> Wired:
            wire = await ends.enter_async_context(interposed(installation.control_plane.address))
            executor = await add_executor(
                installation, name=name, control_plane=wire.address, data_folder=jars_folder(pytestconfig)
            )
            return Wired(executor, wire)

        yield await wired("victim"), await wired("successor")


@pytest.fixture
async def scene(installation: Installation, executors: tuple[Wired, Wired]) -> AsyncIterator[Scene]:
    yield Scene(installation, *executors)
    for each in executors:
        await each.revive()
