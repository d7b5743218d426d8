"""A network that loses replies, or delivers requests twice, changes nothing."""

from __future__ import annotations

import pytest

from tests.faults.interposer import Hook, lose_reply, send_twice
from tests.faults.scene import Scene

METHODS = ["AcquireLease", "RenewLease", "ProposeSchema", "StageLease", "CompleteLease"]


@pytest.mark.parametrize("fault", [lose_reply, send_twice])
@pytest.mark.parametrize("method", METHODS)
async def test_rows_are_loaded_once(scene: Scene, method: str, fault: Hook) -> None:
    load = await scene.a_load(0, 1, 2)
    happened = scene.successor.wire.once(method, fault)
    scene.successor.wire.open()

    assert await load.runs_well()
    assert happened.is_set()
    assert await load.holds_once(0, 1, 2)


async def test_rows_are_loaded_once_when_every_reply_is_lost_in_turn(scene: Scene) -> None:
    load = await scene.a_load(0, 1, 2)
    happened = [scene.successor.wire.once(method, lose_reply) for method in METHODS]
    scene.successor.wire.open()

    assert await load.runs_well()
    assert all(event.is_set() for event in happened)
    assert await load.holds_once(0, 1, 2)
