"""How soon another has the lease of an executor that died, or that was told to stop."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from executor.settings import Settings
from tests.conftest import Tell
from tests.e2e.installation import jars_folder
from tests.faults.failpoints import WAIT
from tests.faults.matrix.stage import LEASE_SECONDS, Stage
from tests.faults.races.busy import STAGING, Busy, busy_executor
from tests.faults.races.clocked import answered_at

pytestmark = pytest.mark.wide

# Above what the protocol wants, for a machine that is busy.
GENEROUS_SECONDS = 10.0
DRAIN_SECONDS: float = Settings.model_fields["drain_seconds"].default


@pytest.fixture
async def hasty(stage: Stage, pytestconfig: pytest.Config) -> AsyncIterator[Busy]:
    """An executor with as little time to finish as it has by default."""
    folder, drain_seconds = jars_folder(pytestconfig), str(DRAIN_SECONDS)
    async with busy_executor(
        stage, data_folder=folder, name="hasty", leases_at_once=1, drain_seconds=drain_seconds
    ) as hasty:
        yield hasty


async def test_the_lease_of_a_dead_executor_is_taken_over(stage: Stage, tell: Tell) -> None:
    scene, load = stage.scene, await stage.scene.a_load(0)
    stage.executor_points.arm("executor.after_acquire", "kill")
    scene.victim.wire.open()
    run = await load.start()
    await scene.victim.executor.ended()
    died = time.monotonic()
    acquires = answered_at(scene.successor.wire, "AcquireLease")
    scene.successor.wire.open()
    seconds = await acquires - died

    assert await load.ends_well(run)
    assert await load.holds_once(0)
    assert await load.attempts() == [1], "it died before it began"
    assert seconds <= LEASE_SECONDS + GENEROUS_SECONDS
    tell(f"taken over {seconds:.2f} s after its holder was killed, with leases of {LEASE_SECONDS:.0f} s")


async def test_a_lease_is_given_back_when_the_time_to_finish_is_over(stage: Stage, hasty: Busy, tell: Tell) -> None:
    scene, load = stage.scene, await stage.scene.a_load(0)
    works = hasty.points.arm(STAGING, WAIT)
    hasty.wired.wire.open()
    run = await load.start()
    await works.wait()
    releases = answered_at(hasty.wired.wire, "ReleaseLease")
    told = time.monotonic()
    hasty.wired.executor.ask_to_stop()
    seconds = await releases - told
    await hasty.wired.executor.ended()
    scene.successor.wire.open()

    assert await load.ends_well(run)
    assert await load.holds_once(0)
    assert await load.attempts() == [1], "what was given back counts as no attempt"
    assert DRAIN_SECONDS <= seconds <= DRAIN_SECONDS + GENEROUS_SECONDS
    tell(f"given back {seconds:.2f} s after SIGTERM, of which {DRAIN_SECONDS} s were for finishing")
