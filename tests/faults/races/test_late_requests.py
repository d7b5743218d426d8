"""What an executor said before it lost its lease arrives after its successor spoke, and changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import grpc
import pytest
from autoloader.v1 import leases_pb2 as pb

from tests.faults.hand import Hand, hand_of
from tests.faults.interposer import Forward
from tests.faults.matrix.stage import REPEAT_SECONDS, Stage

pytestmark = pytest.mark.wide

# After each of them the former holder speaks up.
STEPS = ["AcquireLease", "RenewLease", "StageLease", "CompleteLease"]

Call = Callable[[], Awaitable[object]]


@pytest.fixture
async def hand(stage: Stage) -> AsyncIterator[Hand]:
    async with hand_of(stage.scene.control_plane.address) as hand:
        yield hand


async def test_all_that_a_former_holder_says_comes_too_late(stage: Stage, hand: Hand) -> None:
    # One file: a set whose holder fell silent would be split, and its lease be nobody's any more.
    scene, load = stage.scene, await stage.scene.a_load(0)
    run = await load.start()
    lost = await hand.acquire()
    await hand.renew(lost)
    told = [asyncio.Event() for _ in STEPS]

    def late(method: str, is_told: asyncio.Event) -> None:
        async def hook(request: bytes, forward: Forward) -> bytes:
            reply = await forward(request)
            await _is_told_that_it_is_late(hand, lost)
            is_told.set()
            return reply

        scene.successor.wire.once(method, hook)

    for method, is_told in zip(STEPS, told, strict=True):
        late(method, is_told)
    scene.successor.wire.open()

    assert await load.ends_well(run)
    await asyncio.gather(*(is_told.wait() for is_told in told))
    assert await load.holds_once(0)
    assert [(grant.lease, grant.fence) for grant in scene.watch.grants] == [(lost.id, lost.fence + 1)]


async def _is_told_that_it_is_late(hand: Hand, lost: pb.Lease) -> None:
    """Says everything several times at once, as a network may that delivers late."""
    assert not any(await asyncio.gather(*(hand.renew(lost) for _ in range(2)), *(hand.stage(lost) for _ in range(2))))
    await asyncio.gather(
        *(_is_fenced(hand.fail(lost, outcome)) for outcome in pb.FailLeaseRequest.Outcome.values()[1:] * 2),
        *(_is_fenced(call(lost)) for call in [hand.propose, hand.complete] * 2),
    )
    await asyncio.gather(*(hand.release(lost) for _ in range(2)))


async def _is_fenced(call: Awaitable[object]) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    assert refused.value.code() is grpc.StatusCode.ABORTED


async def test_an_acquisition_that_nobody_waits_for_costs_time_and_no_attempt(stage: Stage, hand: Hand) -> None:
    load = await stage.scene.a_load(0)
    run = await load.start()
    await hand.acquire()

    stage.scene.successor.wire.open()
    assert await load.ends_well(run)
    assert await load.holds_once(0)
    assert await load.attempts() == [1]


async def test_all_that_was_said_arrives_again_when_all_is_over(stage: Stage) -> None:
    scene, load = stage.scene, await stage.scene.a_load(0, 1, 2, max_files_per_lease=1)
    said: list[Call] = []

    async def note(request: bytes, forward: Forward) -> bytes:
        said.append(lambda: forward(request))
        return await forward(request)

    failed = stage.executor_points.arm("executor.after_read", "raise")
    for each in (scene.victim, scene.successor):
        each.wire.always(note)
    # The one that fails comes first: the other might take all there is.
    scene.victim.wire.open()
    run = await load.start()
    async with asyncio.timeout(REPEAT_SECONDS):
        await failed.wait()
    scene.successor.wire.open()
    assert await load.ends_well(run)
    for each in (scene.victim, scene.successor):
        each.wire.close()

    await asyncio.gather(*(call() for call in reversed(said)), return_exceptions=True)
    for call in reversed(said):
        await asyncio.gather(call(), return_exceptions=True)

    assert len(said) > 10
    assert await load.holds_once(0, 1, 2)
