"""A service that is killed, at any step of a lease, costs time and never a row."""

from __future__ import annotations

import pytest

from tests.faults.failpoints import WAIT, Failpoints
from tests.faults.interposer import Forward, Lost
from tests.faults.scene import Scene


@pytest.mark.parametrize(
    "point",
    [
        "after_acquire",
        pytest.param("before_stage", marks=pytest.mark.wide),
        "after_stage",
        pytest.param("before_decision", marks=pytest.mark.wide),
        "after_decision",
        pytest.param("before_pick", marks=pytest.mark.wide),
        pytest.param("after_pick", marks=pytest.mark.wide),
        "before_complete",
        pytest.param("after_complete", marks=pytest.mark.wide),
    ],
)
async def test_another_finishes_when_an_executor_is_killed_with_its_jvm(
    scene: Scene, victim_points: Failpoints, point: str
) -> None:
    load = await scene.a_load(0, 1, 2)
    reached = victim_points.arm(f"executor.{point}", WAIT)

    scene.victim.wire.open()
    run = await load.start()
    await reached.wait()
    scene.victim.executor.kill()
    await scene.victim.executor.ended()
    # Its next JVM starts while its lease runs out.
    await scene.victim.revive()
    scene.successor.wire.open()

    assert await load.ends_well(run)
    assert await load.holds_once(0, 1, 2)


@pytest.mark.parametrize("is_forwarded", [False, True], ids=["before the decision", "after the decision"])
async def test_the_run_ends_right_when_the_control_plane_is_killed(scene: Scene, is_forwarded: bool) -> None:
    load = await scene.a_load(0, 1, 2)

    async def restart(request: bytes, forward: Forward) -> bytes:
        if is_forwarded:
            await forward(request)
        scene.control_plane.kill()
        await scene.control_plane.ended()
        await scene.control_plane.start()
        raise Lost("the control plane died")

    restarted = scene.successor.wire.once("StageLease", restart)
    scene.successor.wire.open()

    assert await load.runs_well()
    assert restarted.is_set()
    assert await load.holds_once(0, 1, 2)


async def test_an_executor_that_is_told_to_stop_finishes_its_lease_first(scene: Scene) -> None:
    load = await scene.a_load(0, 1, 2)

    async def stop(request: bytes, forward: Forward) -> bytes:
        scene.victim.executor.ask_to_stop()
        return await forward(request)

    scene.victim.wire.once("StageLease", stop)
    scene.victim.wire.open()

    assert await load.runs_well()
    assert await scene.victim.executor.ended() == 0
    assert await load.holds_once(0, 1, 2)
