"""A network that delivers every request twice, or loses the reply to any, changes nothing."""

from __future__ import annotations

import pytest

from tests.faults.interposer import Forward, Hook, lose_reply, send_again, send_twice
from tests.faults.matrix.stage import Stage

pytestmark = pytest.mark.wide


@pytest.mark.parametrize("fault", [send_twice, send_again])
async def test_rows_are_loaded_once_when_every_request_is_delivered_twice(stage: Stage, fault: Hook) -> None:
    load = await stage.scene.a_load(*range(4), max_files_per_lease=1)
    stage.scene.successor.wire.always(fault)
    stage.scene.successor.wire.once("AcquireLease", fault)
    stage.scene.successor.wire.open()

    assert await load.runs_well()
    assert await load.holds_once(*range(4))
    assert await load.attempts() == [1, 1, 1, 1]


@pytest.mark.parametrize("fault", [lose_reply, send_twice, send_again])
async def test_a_lease_that_failed_or_was_given_back_is_loaded_once(stage: Stage, fault: Hook) -> None:
    victim, load = stage.scene.victim, await stage.scene.a_load(0, 1)
    stage.executor_points.arm("executor.after_read", "raise")
    told = [victim.wire.once(method, fault) for method in ("FailLease", "ReleaseLease")]
    drains = stage.executor_points.arm("executor.draining", "")

    async def drain(request: bytes, forward: Forward) -> bytes:
        reply = await forward(request)
        victim.executor.ask_to_stop()
        await drains.wait()
        return reply

    victim.wire.open()
    run = await load.start()
    await told[0].wait()
    victim.wire.once("AcquireLease", drain)
    assert await victim.executor.ended() == 0
    stage.scene.successor.wire.open()

    assert await load.ends_well(run)
    assert all(event.is_set() for event in told)
    assert await load.holds_once(0, 1)
    assert await load.attempts() == [2, 2], "the lease that was given back counts as no attempt"
