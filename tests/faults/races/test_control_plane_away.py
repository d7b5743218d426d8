"""A control plane is away for ten lives of a lease: when it is back the living keep theirs, and the dead do not."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.e2e.services import ControlPlane
from tests.faults.failpoints import WAIT
from tests.faults.hand import hand_of
from tests.faults.matrix.stage import LEASE_SECONDS, Stage
from tests.faults.races.clocked import answered_at, show

pytestmark = pytest.mark.wide

LIVES = 10
AT_WORK = "executor.before_stage"
# Above what the protocol wants, for a machine that is busy.
GENEROUS_SECONDS = 10.0


async def test_the_living_keep_their_leases_and_those_of_the_dead_move_on(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    scene, load = stage.scene, await stage.scene.a_load(0, 1, max_files_per_lease=1)
    run = await load.start()
    works = stage.executor_points.arm(AT_WORK, WAIT)
    scene.victim.wire.open()
    await works.wait()
    scene.victim.wire.close()
    async with hand_of(scene.control_plane.address) as dead:
        left_behind = await dead.acquire()
        await dead.renew(left_behind)

    back, serves = await _away(scene.control_plane)
    acquires = answered_at(scene.successor.wire, "AcquireLease")
    scene.successor.wire.open()
    taken_over = await acquires
    stage.executor_points.release(AT_WORK)

    assert await load.ends_well(run)
    assert await load.holds_once(0, 1)
    assert len(scene.watch.grants) == 2, f"one was taken from the living: {scene.watch.grants}"
    living, taken = scene.watch.grants
    assert (living.fence, taken.fence) == (1, left_behind.fence + 1)
    assert living.lease != taken.lease == left_behind.id
    assert sorted(await load.attempts()) == [1, 2], "the second one is of the dead executor's lease"
    assert taken_over - back >= LEASE_SECONDS
    assert taken_over - serves <= LEASE_SECONDS + GENEROUS_SECONDS
    show(
        capsys,
        f"away for {LIVES} lives of a lease: the living kept theirs; the dead one's was taken over "
        f"{taken_over - serves:.1f} s after the control plane served again, with leases of {LEASE_SECONDS:.0f} s",
    )


async def _away(control_plane: ControlPlane) -> tuple[float, float]:
    """When it started again, and when it served again."""
    control_plane.kill()
    await control_plane.ended()
    await asyncio.sleep(LIVES * LEASE_SECONDS)
    starts = time.monotonic()
    await control_plane.start()
    return starts, time.monotonic()
