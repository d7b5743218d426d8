"""A COMMIT is lost, going or coming back: the caller is told cleanly, repeats itself, and it is as if nothing was."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from autoloader.v1 import ingestions_pb2

from tests.control_plane.api.refusals import refused
from tests.faults.postgres.calls import CALLS, Call
from tests.faults.postgres.play import PATIENCE_SECONDS, Play
from tests.faults.postgres.proxy import Fault, is_commit_of
from tests.faults.postgres.scene import Scene
from tests.faults.postgres.seen import Seen, plain

# What the loops commit on the way of a run, by a statement of the transaction.
LOOPS = {
    "claim": "AND error_retryable",
    "record": "INSERT INTO files",
    "end": "SET list_end_time = now()",
    "offer": "INSERT INTO leases",
}


@pytest.mark.parametrize("fault", [Fault.REQUEST_LOST, Fault.ANSWER_LOST], ids=["absent", "committed"])
@pytest.mark.parametrize("call", CALLS, ids=[call.name for call in CALLS])
async def test_a_call_whose_commit_is_lost_is_repeated_without_a_second_effect(
    scene: Scene, call: Call, fault: Fault
) -> None:
    undisturbed, disturbed = scene.play(), scene.play()
    example, request = await asyncio.gather(call.prepare(undisturbed), call.prepare(disturbed))
    expected = plain(await scene.doors.call(example), undisturbed)
    before = await scene.seen(disturbed)

    fired = scene.proxy.once(fault, is_commit_of(call.words))
    told = await refused(scene.doors.call(request))
    assert fired.is_set()
    assert (told.code, told.reason, told.retry_seconds) == (grpc.StatusCode.UNAVAILABLE, "LEDGER_UNAVAILABLE", 2)
    assert told.message == "The ledger cannot be reached now; try again."
    if fault is Fault.REQUEST_LOST:
        assert await scene.seen(disturbed) == before

    for _ in range(2):
        assert plain(await scene.doors.call(request), disturbed) == expected
    await _look_alike(scene, undisturbed, disturbed)
    await asyncio.gather(_load_the_rest(undisturbed), _load_the_rest(disturbed))
    await _look_alike(scene, undisturbed, disturbed)


@pytest.mark.parametrize("fault", [Fault.REQUEST_LOST, Fault.ANSWER_LOST], ids=["absent", "committed"])
@pytest.mark.parametrize("words", LOOPS.values(), ids=LOOPS)
async def test_a_loop_whose_commit_is_lost_does_its_part_once(scene: Scene, words: str, fault: Fault) -> None:
    undisturbed, disturbed = scene.play(), scene.play()
    await undisturbed.create()
    await _load_the_rest(undisturbed)
    await disturbed.create()
    fired = scene.proxy.once(fault, is_commit_of(words))
    await _load_the_rest(disturbed)
    assert fired.is_set()
    await _look_alike(scene, undisturbed, disturbed)


async def _look_alike(scene: Scene, undisturbed: Play, disturbed: Play) -> None:
    """Waits until the loops have done with both what they do, after which the two look the same."""
    one: Seen = {}
    other: Seen = {"not": "yet"}
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while one != other:
                one, other = await scene.seen(undisturbed), await scene.seen(disturbed)
    except TimeoutError:
        assert other == one


async def _load_the_rest(play: Play) -> None:
    """Loads whatever may still be loaded."""
    try:
        await play.doors.call(ingestions_pb2.ResumeIngestionRequest(name=play.name))
    except grpc.aio.AioRpcError as error:
        assert error.code() is grpc.StatusCode.NOT_FOUND
        return
    play.run = (await play.doors.call(ingestions_pb2.GetIngestionRequest(name=play.name))).last_run
    if play.run:
        await play.load_all()
    await play.start()
    await play.load_all()
