"""A control plane that fails before or after any of its commits costs time and never a row."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable

import grpc
import pytest
from autoloader.v1 import leases_pb2, recovery_pb2, runs_pb2, schema_changes_pb2

from tests.e2e.places import Folder
from tests.faults import operations
from tests.faults.failpoints import points_in
from tests.faults.hand import hand_of
from tests.faults.matrix import calls
from tests.faults.matrix.stage import Answer, Stage, repeated
from tests.faults.scene import Load

pytestmark = pytest.mark.wide

SIDES = ["before_commit", "after_commit"]
ACTIONS = ["kill", "raise"]
OF_A_LOAD = ["AcquireLease", "RenewLease", "ProposeSchema", "StageLease", "CompleteLease"]
OF_A_LOOP = ["discoverer", "planner", "reaper"]
# It takes its turn at the start, and seldom after.
OF_A_START = ["pruner"]
OF_A_CALL = ["CreateIngestion", "UpdateIngestion", "PauseIngestion", "ResumeIngestion", "RunIngestion", "CancelRun"]
OF_A_DECISION = ["ResolveSchemaChange"]
OF_A_PREVIEW = ["PreviewIngestion", "CompletePreview"]
OF_A_FAILURE = [
    "ReleaseLease",
    "FailLease",
    "SkipFiles",
    "RetryFiles",
    "ResolvePublish",
    "RestoreLeases",
    "DeleteIngestion",
]
# Passed when a lease ran out, the second one if it is a set that its holder began to load: see
# test_a_reaper_that_fails_costs_no_row.
OF_AN_EXPIRY = ["reaper.after_reap", "reaper.after_split"]
OF_THE_CODE = [point for point in points_in("control_plane") if point not in OF_AN_EXPIRY]


def _around(*operations: str) -> list[str]:
    return [f"{operation}.{side}" for operation in operations for side in SIDES]


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("point", [*_around(*OF_A_LOAD, *OF_A_LOOP), *OF_THE_CODE])
async def test_rows_are_there_once_whatever_happens_at_a_point(stage: Stage, point: str, action: str) -> None:
    load = await stage.scene.a_load(0, 1)
    async with stage.befallen(point, action):
        run = await repeated(lambda request_id: calls.run(load, request_id))
        stage.scene.successor.wire.open()

    assert await load.ends_well(run)
    assert await load.holds_once(0, 1)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("side", SIDES)
async def test_a_call_that_is_made_again_has_one_effect(stage: Stage, side: str, action: str) -> None:
    load = _unmade(stage)
    for method, call in calls.of_a_cancelled_run(load).items():
        async with stage.befallen(f"{method}.{side}", action):
            await repeated(call)
    history = await load.installation.client.history(load.ingestion)
    await load.installation.rested(history[0].name)

    stage.scene.successor.wire.open()
    assert await load.runs_well()
    assert await load.holds_once(0, 1)
    states = [run.state for run in await load.installation.client.history(load.ingestion)]
    assert states == [runs_pb2.Run.STATE_CANCELLED, runs_pb2.Run.STATE_SUCCEEDED]


@pytest.mark.parametrize("point", _around(*OF_A_START))
async def test_a_start_that_fails_in_part_is_none_to_a_load(stage: Stage, point: str) -> None:
    load = await stage.scene.a_load(0, 1)
    stage.scene.control_plane.kill()
    async with stage.befallen(point, "raise"):
        await stage.scene.control_plane.ended()
        await stage.scene.control_plane.start()

    stage.scene.successor.wire.open()
    assert await load.runs_well()
    assert await load.holds_once(0, 1)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("side", SIDES)
async def test_a_failure_that_is_told_again_has_one_effect(stage: Stage, side: str, action: str) -> None:
    load = await stage.scene.a_load(0, 1)
    run = await load.start()

    async def befallen(method: str, call: Callable[[str], Awaitable[Answer]]) -> Answer:
        async with stage.befallen(f"{method}.{side}", action):
            return await repeated(call)

    async with hand_of(stage.scene.control_plane.address) as hand:
        given_back = await hand.acquire()
        await befallen("ReleaseLease", lambda _: hand.release(given_back))
        failed = await hand.acquire()
        await befallen("FailLease", lambda _: hand.fail(failed, leases_pb2.FailLeaseRequest.OUTCOME_NOT_STAGED))
        assert (await load.installation.rested(run)).state == runs_pb2.Run.STATE_FAILED
        assert (await befallen("SkipFiles", lambda id: calls.skip(load, id))).file_count == 2
        assert (await befallen("RetryFiles", lambda id: calls.retry(load, id))).file_count == 2
        run = await load.start()
        doubted = await hand.acquire()
        await hand.stage(doubted)
        await hand.fail(doubted, leases_pb2.FailLeaseRequest.OUTCOME_IN_DOUBT)
        assert (await load.installation.rested(run)).state == runs_pb2.Run.STATE_FAILED
        await befallen("ResolvePublish", lambda id: calls.resolve(run, id, load=load, lease=doubted.id))

    stage.scene.successor.wire.open()
    assert await load.is_done_after_all(run)
    restored = await befallen("RestoreLeases", lambda id: calls.restore(load, id))
    assert {lease.result for lease in restored.leases} == {recovery_pb2.RestoredLease.RESULT_KNOWN}
    assert await load.holds_once(0, 1)
    await befallen("DeleteIngestion", lambda id: calls.delete(load, id))
    with pytest.raises(grpc.aio.AioRpcError, match="NOT_FOUND"):
        await load.installation.client.history(load.ingestion)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("point", _around(*OF_A_DECISION))
async def test_a_decision_that_is_told_again_has_one_effect(stage: Stage, point: str, action: str) -> None:
    load = await stage.scene.a_load(0, 1)
    run = await load.start()
    async with hand_of(stage.scene.control_plane.address) as hand:
        await hand.hold(await hand.acquire())
    assert (await load.installation.rested(run)).state == runs_pb2.Run.STATE_FAILED
    async with stage.befallen(point, action):
        decided = await repeated(lambda id: calls.reject(load, id))
    assert decided.state == schema_changes_pb2.SchemaChange.STATE_REJECTED

    stage.scene.successor.wire.open()
    assert await load.runs_well()
    assert await load.holds_once(0, 1)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("point", OF_AN_EXPIRY)
async def test_a_reaper_that_fails_costs_no_row(stage: Stage, point: str, action: str) -> None:
    load = await stage.scene.a_load(0, 1)
    run = await load.start()
    async with hand_of(stage.scene.control_plane.address) as hand, stage.befallen(point, action):
        lease = await hand.acquire()
        assert point != "reaper.after_split" or await hand.renew(lease)

    stage.scene.successor.wire.open()
    assert await load.ends_well(run)
    assert await load.holds_once(0, 1)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("point", _around(*OF_A_PREVIEW))
async def test_a_preview_that_is_asked_for_again_is_answered(stage: Stage, point: str, action: str) -> None:
    load = await stage.scene.a_load(0, 1)
    async with stage.befallen(point, action):
        stage.scene.successor.wire.open()
        preview = await repeated(lambda _: calls.preview(load))
    assert len(preview.rows) == 20

    assert await load.runs_well()
    assert await load.holds_once(0, 1)


def test_every_point_is_passed(stage: Stage) -> None:
    every = _around(*operations.mutating_methods(), *operations.loops())
    assert stage.control_plane_points.passed >= {*every, *points_in("control_plane")}


def test_the_matrix_has_every_operation() -> None:
    assert {*OF_A_LOAD, *OF_A_CALL, *OF_A_DECISION, *OF_A_PREVIEW, *OF_A_FAILURE} == operations.mutating_methods()
    assert {*OF_A_LOOP, *OF_A_START} == operations.loops()


def _unmade(stage: Stage) -> Load:
    """A load whose ingestion is yet to be created."""
    installation, name = stage.scene.installation, f"t{uuid.uuid4().hex}"
    load = Load(installation, Folder(installation.folder / name), f"faults.{name}", f"ingestions/{name}")
    load.put(0, 1)
    return load
