"""A control plane is away for ten lives of a lease: when it is back the living keep theirs, and the dead do not."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable

import pytest
from autoloader.v1 import leases_pb2

from tests.conftest import Tell
from tests.e2e.installation import add_executor, jars_folder
from tests.e2e.services import ControlPlane
from tests.faults.failpoints import WAIT, Failpoints, failpoints
from tests.faults.hand import hand_of
from tests.faults.matrix.stage import LEASE_SECONDS, Stage
from tests.faults.races.clocked import answered_at

pytestmark = pytest.mark.wide

LIVES = 10
REAPED = '"leases_expired"'
AT_WORK = "executor.before_stage"
# Above what the protocol wants, for a machine that is busy.
GENEROUS_SECONDS = 10.0


@pytest.fixture
async def direct(stage: Stage, pytestconfig: pytest.Config) -> AsyncIterator[Failpoints]:
    """The points of an executor with no wire of ours: it has to find the control plane again by itself."""
    async with failpoints() as points:
        executor = await add_executor(
            stage.scene.installation,
            name="direct",
            data_folder=jars_folder(pytestconfig),
            spark_conf={},
            prepare=points.govern,
            spark_master=stage.spark_url,
        )
        yield points
        executor.kill()
        await executor.ended()


async def test_the_living_keep_their_leases_and_those_of_the_dead_move_on(
    stage: Stage, direct: Failpoints, tell: Tell
) -> None:
    scene, load = stage.scene, await stage.scene.a_load(0, 1, max_files_per_lease=1)
    works = direct.arm(AT_WORK, WAIT)
    run = await load.start()
    await works.wait()
    left_behind = await _left_behind(scene.control_plane)
    logged = scene.control_plane.log_bytes
    back, serves = await _away(scene.control_plane)
    acquires = answered_at(scene.successor.wire, "AcquireLease")
    scene.successor.wire.open()
    taken_over = await acquires
    direct.release(AT_WORK)

    assert await load.ends_well(run)
    assert await load.holds_once(0, 1)
    taken = [(grant.lease, grant.fence) for grant in scene.watch.grants]
    assert taken[0] == (left_behind.id, left_behind.fence + 1)
    # Of those only the first: on a machine that is too busy to renew, more leases may run out later.
    reaped = [
        json.loads(line)["leases"] for line in scene.control_plane.log_lines(after_bytes=logged) if REAPED in line
    ]
    assert reaped[0] == 1, "one was taken from the living"
    assert taken_over - back >= LEASE_SECONDS
    assert taken_over - serves <= LEASE_SECONDS + GENEROUS_SECONDS
    seconds = taken_over - serves
    tell(f"away for {LIVES} lives of a lease of {LEASE_SECONDS} s: taken over {seconds:.1f} s after it was back")


async def _left_behind(control_plane: ControlPlane) -> leases_pb2.Lease:
    """A lease whose holder began to work, and died."""
    async with hand_of(control_plane.address) as dead:
        lease = await dead.acquire()
        await dead.renew(lease)
        return lease


async def _away(control_plane: ControlPlane) -> tuple[float, float]:
    """When it started again, and when it served again."""
    control_plane.kill()
    await control_plane.ended()
    await asyncio.sleep(LIVES * LEASE_SECONDS)
    starts = time.monotonic()
    await control_plane.start()
    return starts, time.monotonic()


def _first_reaped(lines: Iterable[str]) -> int:
    """How many leases ran out first. On a machine that is too busy to renew, more may do so later."""
    return int(next(json.loads(line)["leases"] for line in lines if REAPED in line))
