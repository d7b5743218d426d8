"""Scenes of a real ledger: what its loops and its doors do when others are late, dead, or faster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest

from control_plane.domain.file import LoadError
from control_plane.domain.ingestion import Ingestion
from control_plane.domain.lease import AcquiredLease, Resolution
from control_plane.domain.run import Run
from control_plane.errors import LeaseFenced
from control_plane.ledger import leases, publications
from control_plane.ledger.database import Connection, Database
from control_plane.loops import discoverer
from control_plane.loops.discoverer import Discoverer
from control_plane.loops.reaper import Reaper
from control_plane.sources.source import ListingPage, Source, SourceError
from control_plane.wake import Wake
from tests.control_plane.ledger.steps import LEASE_SECONDS, Steps, a_staging, holding, some_files
from tests.faults.seeded.ground import Ground

POLL_SECONDS = 5.0
BLOCKED = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
LOCK_SECONDS = 20.0


class Clock:
    """Goes on when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def a_ledger(ground: Ground) -> AsyncIterator[Steps]:
    async with ground.postgres.database() as url:
        database = Database(url)
        try:
            yield Steps(database)
        finally:
            await database.close()


async def after_a_start(ground: Ground) -> None:
    """A lease that ran out while nobody could renew it is not taken from its holder at once."""
    async with a_ledger(ground) as steps:
        await _let_a_lease_run_out(steps)
        clock = Clock()
        reaper = _reaper(steps, clock)
        clock.now += POLL_SECONDS
        await reaper.turn()
        assert await steps.acquire() is None


async def after_a_sleep(ground: Ground) -> None:
    """Nor is it when the reaper itself was away for a while."""
    async with a_ledger(ground) as steps:
        await _let_a_lease_run_out(steps)
        clock = Clock()
        reaper = _reaper(steps, clock)
        clock.now += 10 * LEASE_SECONDS
        await reaper.turn()
        assert await steps.acquire() is None


async def a_page_fails(ground: Ground) -> None:
    """A listing that breaks is begun again, and is whole when it ends."""
    async with a_ledger(ground) as steps:
        stored = await steps.create()
        run = await steps.open_run(stored)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(discoverer, "BATCH_FILES", 1)
            await _discoverer(steps, _Breaking()).turn()
        assert (await steps.run(run)).files_discovered == 4


async def a_run_is_cancelled_while_it_is_listed(ground: Ground) -> None:
    """Whoever lists it hears so before he records a file."""
    async with a_ledger(ground) as steps:
        stored = await steps.create()
        run = await steps.open_run(stored)
        await _discoverer(steps, _Cancelling(steps, run)).turn()
        assert await steps.files(stored) == []


async def a_cancelled_run_in_doubt(ground: Ground) -> None:
    """A person's word that rows are not there does not load them for a run that was cancelled."""
    async with a_ledger(ground) as steps:
        _, run = await steps.offered(some_files(2), max_files=1)
        doubted, _ = await steps.held(), await steps.held()
        await steps.stage(doubted, a_staging(5))
        await steps.doubt(doubted)
        await steps.cancel(run)
        async with steps.database.transaction() as connection:
            await publications.resolve(
                connection,
                await steps.run(run),
                lease_id=doubted.lease_id,
                resolution=Resolution.NOT_PUBLISHED,
                snapshot_id=0,
            )
        assert await steps.acquire() is None


async def branches_in_use(ground: Ground) -> None:
    """Of the branches of a table those alone may be dropped that nobody needs."""
    async with a_ledger(ground) as steps:
        await steps.offered(some_files(2), max_files=1)
        dead = await steps.held()
        await steps.expire(dead)
        current, staged = await steps.held(), await steps.held()
        await steps.stage(staged, a_staging(5))
        names = [f"al_{each.attempt.replace('-', '')}" for each in (dead, current, staged)]
        async with steps.database.transaction() as connection:
            droppable = await publications.droppable_branches(connection, staged.lease_id, names)
        assert droppable == names[:1]


async def taken_over_between_the_look_and_the_commit(ground: Ground) -> None:
    """A decision for one who was late by a moment is none."""
    async with a_ledger(ground) as steps:
        await steps.offered(some_files(1))
        late = await steps.held()
        async with steps.database.transaction() as connection:
            await connection.exec_driver_sql("UPDATE leases SET deadline = now() - interval '1 second'")
            await leases.reap(connection)
            taken = await _acquired(connection)
            deciding = asyncio.create_task(_decided(steps, late))
            await _blocked(steps)
        assert not await deciding
        assert await _decided(steps, taken, snapshot_id=78)


async def _decided(steps: Steps, lease: AcquiredLease, *, snapshot_id: int = 77) -> bool:
    try:
        return await steps.stage(lease, a_staging(5, snapshot_id=snapshot_id))
    except LeaseFenced:
        return False


async def _acquired(connection: Connection) -> AcquiredLease:
    lease = await leases.acquire(
        connection, executor="successor", request_id="r", pool="default", lease_seconds=LEASE_SECONDS
    )
    assert lease
    assert await leases.renew(connection, holding(lease), lease_seconds=LEASE_SECONDS)
    return lease


async def _blocked(steps: Steps) -> None:
    """Returns when somebody waits for a lock."""
    async with asyncio.timeout(LOCK_SECONDS):
        while True:
            async with steps.database.transaction() as connection:
                if (await connection.exec_driver_sql(BLOCKED)).scalar_one():
                    return
            await asyncio.sleep(0.02)


async def _let_a_lease_run_out(steps: Steps) -> None:
    await steps.offered(some_files(1))
    await steps.held()
    async with steps.database.transaction() as connection:
        await connection.exec_driver_sql("UPDATE leases SET deadline = now() - interval '1 second'")


def _reaper(steps: Steps, clock: Clock) -> Reaper:
    return Reaper(
        database=steps.database,
        lease_seconds=LEASE_SECONDS,
        listing_seconds=30,
        rest_seconds=60,
        poll_seconds=POLL_SECONDS,
        clock=clock,
    )


def _discoverer(steps: Steps, source: Source) -> Discoverer:
    def open_the_source(_: Ingestion) -> Source:
        return source

    return Discoverer(
        database=steps.database,
        open_source=open_the_source,
        observe_seconds=lambda seconds: None,
        wake=Wake(),
        poll_seconds=60,
        claim_seconds=30,
        retry_seconds=0,
    )


class _Breaking:
    """A source whose first listing breaks after a page."""

    ordered = True

    def __init__(self) -> None:
        self._failures = [LoadError(category="THROTTLED", message="Slow down.", retryable=True)]

    async def list(self) -> AsyncGenerator[ListingPage, None]:
        yield ListingPage(files=some_files(2), objects_listed=2, requests=1)
        if self._failures:
            raise SourceError(self._failures.pop())
        yield ListingPage(files=some_files(4)[2:], objects_listed=2, requests=1)


class _Cancelling:
    """A source whose run is cancelled before its page is there."""

    ordered = True

    def __init__(self, steps: Steps, run: Run) -> None:
        self._steps = steps
        self._run = run

    async def list(self) -> AsyncGenerator[ListingPage, None]:
        await self._steps.cancel(self._run)
        yield ListingPage(files=some_files(2), objects_listed=2, requests=1)
