"""Of two control planes on one ledger one dies, or is paused, in the middle of a step: all is done, and done once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.e2e.installation import jars_folder
from tests.faults.hand import hand_of
from tests.faults.matrix.stage import LEASE_SECONDS, Stage
from tests.faults.races.twins import Twin, Twins, twins_on
from tests.faults.scene import Load

pytestmark = pytest.mark.wide

# Each between a transaction's beginning and its commit.
EXPIRY = "reaper.after_reap"
STEPS = [
    "discoverer.after_record",
    "planner.after_offer",
    "StageLease.before_commit",
    "CompleteLease.before_commit",
    EXPIRY,
]


@pytest.fixture(scope="module")
async def twins_of_all(
    stage_of_all: Stage, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> AsyncIterator[Twins]:
    folder = tmp_path_factory.mktemp("twin")
    async with twins_on(stage_of_all, folder=folder, data_folder=jars_folder(pytestconfig)) as twins:
        yield twins


@pytest.fixture
async def twins(stage: Stage, twins_of_all: Twins) -> AsyncIterator[Twins]:
    yield twins_of_all
    twins_of_all.second.points.disarm()
    await twins_of_all.executor.revive()


@pytest.mark.parametrize("is_killed", [True, False], ids=["killed", "paused"])
@pytest.mark.parametrize("step", STEPS)
async def test_the_other_goes_on(stage: Stage, twins: Twins, step: str, is_killed: bool) -> None:
    load = await stage.scene.a_load(0, 1, max_files_per_lease=1)
    arrival = asyncio.create_task(twins.stopped_at(step))
    # Who stops may be the one that was asked, and has not answered yet.
    starting = asyncio.create_task(_begin(stage, load, step))
    twins.executor.wire.open()
    there, other = await arrival
    seen = replace(load, installation=other.installation)
    (run,) = await seen.installation.client.history(load.ingestion)

    if is_killed:
        there.control_plane.kill()
        await there.control_plane.ended()
    else:
        await _pause(there, step)
    assert await seen.ends_well(run.name)
    assert await seen.holds_once(0, 1)
    if is_killed:
        await there.control_plane.start()
    await asyncio.gather(starting, return_exceptions=True)


async def _begin(stage: Stage, load: Load, step: str) -> None:
    await load.start()
    if step == EXPIRY:
        async with hand_of(stage.scene.control_plane.address) as hand:
            await hand.acquire()


async def _pause(twin: Twin, step: str) -> None:
    """Stops it for longer than a lease lives; it may hold locks that the other one waits for."""
    twin.control_plane.freeze()
    await asyncio.sleep(1.5 * LEASE_SECONDS)
    twin.control_plane.thaw()
    twin.points.release(step)
