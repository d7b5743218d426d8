"""A worker at work without Spark: its loader does at once what it is told."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from prometheus_client import generate_latest

from executor.heartbeat import LeaseLost
from executor.lease import Category, Failure, LoadWork, PublishWork, StagedTable, StageResult
from executor.lease_client import LeaseClient
from executor.metrics import Metrics
from executor.previewed import Preview, PreviewWork, Row
from executor.publish import InDoubt, NotPublished, Published
from executor.schema.words import Column, Evolve
from executor.worker import Worker

STAGED = StagedTable(
    table="local.shop.orders", table_uuid="uuid", base_snapshot_id=11, staged_snapshot_id=22, records_added=7
)
IN_DOUBT = InDoubt(failure=Failure(category=Category.PUBLISH_IN_DOUBT, message="cannot tell"))


@dataclass
class FakeLoader:
    """Does at once what it is told, and remembers in which order."""

    publications: deque[Published | NotPublished | InDoubt | Exception] = field(default_factory=deque)
    while_staging: Callable[[Callable[[], None]], None] = lambda check_held: None
    while_previewing: Callable[[], None] = lambda: None
    while_keeping: Callable[[], None] = lambda: None
    did: list[str] = field(default_factory=list)
    proposed: tuple[Column, ...] = ()

    def stage(
        self,
        work: LoadWork,
        *,
        run: str,
        lease_id: str,
        attempt: str,
        evolve: Evolve,
        check_held: Callable[[], None],
        phase: Callable[[str], None],
    ) -> StageResult:
        self.did.append(f"stage {lease_id} {attempt}")
        phase("read")
        self.proposed = evolve((Column(name="id", type="bigint"),), 0, {}).columns
        self.while_staging(check_held)
        return StageResult(staged=STAGED, records_written=(3, 4), exceptions=(), unknown_fields=())

    def publish(
        self, work: PublishWork, *, ingestion: str, lease_id: str, check_held: Callable[[], None]
    ) -> Published | NotPublished | InDoubt:
        self.did.append(f"publish {work.rows.staged_snapshot_id}")
        publication = self.publications.popleft() if self.publications else Published(snapshot_id=33)
        if isinstance(publication, Exception):
            raise publication
        return publication

    def keep_for_person(self, work: PublishWork, *, lease_id: str) -> None:
        self.did.append(f"keep {work.rows.staged_snapshot_id}")
        self.while_keeping()

    def drop_branches(self, table: str, names: Sequence[str]) -> None:
        self.did.append(f"drop {table} {' '.join(names)}")

    def preview(self, work: PreviewWork, *, check_held: Callable[[], None]) -> Preview:
        self.did.append(f"preview {work.row_count} of {len(work.load.files)}")
        check_held()
        self.while_previewing()
        return Preview(files=(), rows=(Row(index=0, json='{"id": 1}'),))


class Gate:
    """Holds a loader's thread until the test lets it go on, or it notices that the lease is lost."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._entered = asyncio.Event()
        self._opened = threading.Event()
        self.lost = asyncio.Event()

    def __call__(self, check_held: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(self._entered.set)
        while not self._opened.wait(0.01):
            try:
                check_held()
            except LeaseLost:
                self._loop.call_soon_threadsafe(self.lost.set)
                raise

    async def entered(self) -> None:
        async with asyncio.timeout(20):
            await self._entered.wait()

    def open(self) -> None:
        self._opened.set()


@dataclass
class Running:
    """A worker at work."""

    task: asyncio.Task[None]
    draining: asyncio.Event
    metrics: Metrics

    async def drained(self) -> None:
        self.draining.set()
        async with asyncio.timeout(20):
            await self.task

    def page(self) -> str:
        return generate_latest(self.metrics.registry).decode()


@asynccontextmanager
async def working(client: LeaseClient, loader: FakeLoader) -> AsyncIterator[Running]:
    """A worker that is drained at the end of the block."""
    metrics, draining = Metrics(), asyncio.Event()
    worker = Worker(
        client=client, loader=loader, metrics=metrics, draining=draining, pause_seconds=lambda trouble: 0.01
    )
    running = Running(task=asyncio.create_task(worker.run()), draining=draining, metrics=metrics)
    try:
        yield running
        draining.set()
        await asyncio.wait([running.task], timeout=20)
    finally:
        running.task.cancel()
        await asyncio.wait([running.task])
