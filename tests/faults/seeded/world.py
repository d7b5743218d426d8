"""A control plane and executors in this process, on a real ledger and real tables; executors die at their points."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from autoloader.v1 import runs_pb2
from pydantic import SecretStr

from control_plane.app import App
from control_plane.settings import Settings
from control_plane.vault import make_key
from executor.credentials import KeyRing
from executor.lease_client import LeaseClient
from executor.loader import SparkLoader
from executor.metrics import Metrics
from executor.wire import Caller, open_channel
from executor.worker import Worker
from tests.checker.checker import check
from tests.checker.findings import Finding
from tests.checker.manifest import Workload, a_file, by_ids
from tests.e2e.client import Client, connected
from tests.e2e.lake import Lake
from tests.e2e.places import Folder
from tests.e2e.records import ids_of_file, lines, record
from tests.faults.seeded.ground import Ground, passing

LEASE_SECONDS = 4.0
REST_SECONDS = 120.0
RECORDS = 20


class Killed(BaseException):
    """An executor is no more: nothing that it was about to do is done, or said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    client: Client
    address: str
    folder: Path
    lake: Lake
    loader: SparkLoader

    async def a_load(self, *numbers: int) -> Load:
        """A load of files into a table of its own."""
        name = f"t{uuid.uuid4().hex}"
        place = Folder(self.folder / name)
        for number in numbers:
            place.put(f"data-{number}.json", lines(map(record, _ids(number))))
        ingestion = await self.client.create(place.source, table=f"seeded.{name}")
        return Load(world=self, ingestion=ingestion, table=f"seeded.{name}", numbers=numbers)

    @asynccontextmanager
    async def executor(self) -> AsyncIterator[asyncio.Task[None]]:
        """An executor at work until the block ends; the task ends when it is killed."""
        async with open_channel(self.address) as channel:
            client = LeaseClient(channel, executor=uuid.uuid4().hex, pool="default", keys=KeyRing(), caller=Caller())
            worker = Worker(client=client, loader=self.loader, metrics=Metrics(), draining=asyncio.Event())
            task = asyncio.create_task(worker.run())
            try:
                yield task
            finally:
                task.cancel()
                await asyncio.wait([task])


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    world: World
    ingestion: str
    table: str
    numbers: tuple[int, ...]

    async def outlives_a_death(self, point: str) -> runs_pb2.Run:
        """Its run at rest, after the executor that had it died at a point, and another one took over."""
        run = await self.world.client.start_run(self.ingestion)
        with _dying_at(point):
            async with self.world.executor() as victim:
                await asyncio.wait([victim], timeout=REST_SECONDS)
                assert isinstance(victim.exception(), Killed), "nobody died"
        async with self.world.executor(), asyncio.timeout(REST_SECONDS):
            return await self.world.client.rested(run)

    async def findings(self) -> list[Finding]:
        """What the checker finds when each row of each file should be there once."""
        names = {number: f"data-{number}.json" for number in self.numbers}
        workload = Workload(
            files=tuple(a_file(name, map(record, _ids(number)), uri=f"/{name}") for number, name in names.items()),
            owner_of=by_ids({name: _ids(number) for number, name in names.items()}),
        )
        table = await asyncio.to_thread(self.world.lake.load, self.table)
        return await check(self.world.client, self.ingestion, table=table, workload=workload)


@asynccontextmanager
async def a_world(ground: Ground) -> AsyncIterator[World]:
    folder = ground.own_folder()
    key = folder / "sealing.key"
    make_key(key)
    async with AsyncExitStack() as ends:
        url = await ends.enter_async_context(ground.postgres.database())
        settings = Settings(
            database_url=SecretStr(url),
            sealing_key_file=key,
            listen="127.0.0.1:0",
            metrics_listen="off",
            allowed_local_folders=frozenset({folder}),
            lease_seconds=LEASE_SECONDS,
            poll_seconds=0.1,
            retry_first_seconds=0.1,
            retry_longest_seconds=0.5,
            drain_seconds=1.0,
        )
        app = await ends.enter_async_context(App(settings))
        client = await ends.enter_async_context(connected(app.address))
        yield World(
            client=client,
            address=app.address,
            folder=folder,
            lake=Lake(ground.lake_folder),
            loader=SparkLoader(ground.settings),
        )


def _dying_at(point: str) -> AbstractContextManager[None]:
    """The first to pass the point dies."""
    left, lock = [point], threading.Lock()

    def die(name: str) -> None:
        with lock:
            if name not in left:
                return
            left.remove(name)
        raise Killed(name)

    return passing(die)


def _ids(number: int) -> range:
    return ids_of_file(number, records=RECORDS)
