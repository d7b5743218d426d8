"""All that a story needs, running: a control plane on a ledger of its own, an executor, the tables, and a client."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from autoloader.v1 import runs_pb2

from tests.e2e.client import Client, connected
from tests.e2e.lake import Lake
from tests.e2e.services import ControlPlane, Executor, Service
from tests.postgres import PostgresServer

# Short, so that a story need not wait long for the lease of one who died.
LEASE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """`folder` is one that ingestions may load from; `database_url` is the ledger's."""

    folder: Path
    database_url: str
    control_plane: ControlPlane
    client: Client
    lake: Lake
    services: list[Service] = field(default_factory=list)

    async def run(self, ingestion: str) -> runs_pb2.Run:
        """Runs an ingestion to its rest."""
        return await self.rested(await self.client.start_run(ingestion))

    async def rested(self, run: str) -> runs_pb2.Run:
        """The run when it rests; a stuck one fails with what the services logged."""
        try:
            return await self.client.rested(run)
        except TimeoutError:
            logs = "\n".join(service.log_tail() for service in self.services)
            raise AssertionError(f"{run} does not come to rest\n{logs}") from None


def _as_it_is(service: Service) -> None:
    """Prepares nothing."""


@asynccontextmanager
async def installed(
    folder: Path,
    postgres: PostgresServer,
    *,
    lease_seconds: float = LEASE_SECONDS,
    prepare: Callable[[Service], None] = _as_it_is,
) -> AsyncIterator[Installation]:
    """An installation without executors; those of `services` are ended with it."""
    async with AsyncExitStack() as ends:
        database_url = await ends.enter_async_context(postgres.database())
        files = folder / "files"
        control_plane = ControlPlane(
            folder, database_url=database_url, local_folders=[files], lease_seconds=lease_seconds
        )
        client = await ends.enter_async_context(connected(control_plane.address))
        installation = Installation(
            folder=files,
            database_url=database_url,
            control_plane=control_plane,
            client=client,
            lake=Lake(folder),
        )
        ends.push_async_callback(_end, installation.services)
        installation.services.append(control_plane)
        prepare(control_plane)
        await control_plane.start()
        yield installation


async def add_executor(
    installation: Installation,
    *,
    data_folder: Path,
    name: str = "executor",
    control_plane: str = "",
    spark_conf: Mapping[str, str] | None = None,
    prepare: Callable[[Service], None] = _as_it_is,
    **settings: str,
) -> Executor:
    """Starts an executor that ends with the installation; it asks the control plane itself unless told otherwise."""
    executor = Executor(
        installation.folder.parent,
        name=name,
        control_plane=control_plane or installation.control_plane.address,
        spark_conf=spark_conf if spark_conf is not None else installation.lake.spark_conf(),
        data_folder=data_folder,
        **settings,
    )
    installation.services.append(executor)
    prepare(executor)
    await executor.start()
    return executor


def jars_folder(config: pytest.Config) -> Path:
    """Where executors keep the jars from one run of the tests to the next."""
    chosen = os.environ.get("AUTOLOADER_TEST_JARS")
    return Path(chosen) if chosen else config.cache.mkdir("executor")


async def _end(services: list[Service]) -> None:
    for service in reversed(services):
        if service.is_running:
            service.kill()
            await service.ended()
