"""PostgreSQL crashes, or stops for longer than a lease: runs end well, and no living executor loses its lease."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from autoloader.v1 import runs_pb2

from control_plane.ledger.migrate import migrate
from tests.faults.postgres.scene import UNHURRIED_SECONDS, Scene, serving
from tests.faults.postgres.server import own_server
from tests.postgres import PostgresServer

LEASE_SECONDS = 1.5
# Longer than a lease, a claim to list, a caller's patience and the gap that the reaper takes for a pause;
# shorter than the minutes after which a statement is given up.
FROZEN_SECONDS = 2 * LEASE_SECONDS
CALLERS = 30
DEADLINE_EXCEEDED = grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.fixture
async def frail(postgres: PostgresServer, tmp_path: Path) -> AsyncIterator[Scene]:
    """A scene with leases that are short."""
    async with postgres.database() as url, serving(url, tmp_path, lease_seconds=LEASE_SECONDS) as scene:
        yield scene


async def test_runs_under_way_end_well_after_postgres_crashed(tmp_path: Path) -> None:
    async with own_server(tmp_path / "server") as server:
        await migrate(server.url)
        async with serving(server.url, tmp_path, lease_seconds=UNHURRIED_SECONDS) as scene:
            undisturbed, staged, held, fresh = (scene.play() for _ in range(4))
            for play in (undisturbed, staged, held, fresh):
                await play.create(files=3, files_per_lease=1)
            await undisturbed.start()
            await undisturbed.load_all()
            expected = await scene.seen(undisturbed)
            await staged.hold()
            await staged.stage()
            await held.hold()
            await fresh.start()
            await server.crash()
            await server.start()
            scene.proxy.lead_to(server.url)
            await staged.doors.insist(staged.completion())
            await held.load()
            for play in (staged, held, fresh):
                assert (await play.load_all()).state == runs_pb2.Run.STATE_SUCCEEDED
            for play in (staged, held, fresh):
                assert await scene.seen(play) == expected


async def test_calls_that_nobody_waits_for_any_more_leave_the_control_plane_as_it_was(frail: Scene) -> None:
    plays = [frail.play() for _ in range(CALLERS)]
    requests = [play.creation() for play in plays]
    frail.proxy.freeze()
    given_up = [frail.doors.call(request, seconds=FROZEN_SECONDS / 3) for request in requests]
    told = await asyncio.gather(*given_up, return_exceptions=True)
    assert {each.code() for each in told if isinstance(each, grpc.aio.AioRpcError)} == {DEADLINE_EXCEEDED}
    await asyncio.sleep(FROZEN_SECONDS * 2 / 3)
    frail.proxy.thaw()
    async with asyncio.timeout(2 * LEASE_SECONDS):
        created = await asyncio.gather(*map(frail.doors.insist, requests))
    assert [each.name for each in created] == [play.name for play in plays]


async def test_no_lease_is_taken_from_a_living_executor_after_postgres_was_frozen(frail: Scene) -> None:
    await asyncio.sleep(LEASE_SECONDS)
    play = frail.play()
    await play.create()
    await play.hold()
    frail.proxy.freeze()
    await asyncio.sleep(FROZEN_SECONDS)
    frail.proxy.thaw()
    await asyncio.sleep(LEASE_SECONDS / 2)
    assert await play.renew()
    await play.load()
    assert (await play.load_all()).state == runs_pb2.Run.STATE_SUCCEEDED
