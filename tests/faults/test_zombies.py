"""An executor that was paused for longer than its lease, and wakes, cannot make a row visible twice."""

from __future__ import annotations

import asyncio

import pytest

from tests.faults.interposer import Forward
from tests.faults.scene import Scene


@pytest.mark.parametrize(
    "method",
    [
        pytest.param("ProposeSchema", id="before it wrote"),
        pytest.param("StageLease", id="after it staged the rows"),
        pytest.param("CompleteLease", id="after it published the rows"),
    ],
)
async def test_a_zombie_is_harmless_and_takes_later_work(scene: Scene, method: str) -> None:
    load = await scene.a_load(0, 1, 2)
    zombie, awakes = scene.victim, asyncio.Event()

    async def freeze(request: bytes, forward: Forward) -> bytes:
        zombie.executor.freeze()
        await awakes.wait()
        return await forward(request)

    frozen = zombie.wire.once(method, freeze)
    zombie.wire.open()
    run = await load.start()
    await frozen.wait()
    scene.successor.wire.open()
    assert await load.ends_well(run)
    scene.successor.wire.close()
    zombie.executor.thaw()
    awakes.set()
    load.put(3)

    assert await load.runs_well()

    assert await load.holds_once(0, 1, 2, 3)
    assert zombie.executor.is_running
