"""A service that is killed, at any step of a lease, costs time and never a row."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.interposer import Forward, Hook, Lost
from tests.faults.scene import Scene


def kill_before_sending(scene: Scene) -> Hook:
    async def hook(request: bytes, forward: Forward) -> bytes:
        scene.victim.executor.kill()
        raise Lost("its sender died")

    return hook


def kill_after_sending(scene: Scene) -> Hook:
    async def hook(request: bytes, forward: Forward) -> bytes:
        await forward(request)
        scene.victim.executor.kill()
        raise Lost("its receiver died")

    return hook


@pytest.mark.parametrize(
    ("method", "kill"),
    [
        pytest.param("RenewLease", kill_before_sending, id="after it acquired the lease"),
        pytest.param("StageLease", kill_before_sending, id="after it staged the rows"),
        pytest.param("StageLease", kill_after_sending, id="after its snapshot was decided upon"),
        pytest.param("CompleteLease", kill_before_sending, id="after it published the rows"),
    ],
)
async def test_another_finishes_when_an_executor_is_killed(
    scene: Scene, method: str, kill: Callable[[Scene], Hook]
) -> None:
    load = await scene.a_load(0, 1, 2)
    scene.victim.wire.once(method, kill(scene))

    scene.victim.wire.open()
    run = await load.start()
    await scene.victim.executor.ended()
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
