"""An executor that fails at any of its points costs time and never a row; the races hold it up there past its lease."""

from __future__ import annotations

import pytest
from autoloader.v1 import runs_pb2

from tests.faults.failpoints import points_in
from tests.faults.interposer import Forward
from tests.faults.matrix import calls
from tests.faults.matrix.stage import Stage
from tests.faults.scene import BAD_LINE

pytestmark = pytest.mark.wide

# Each has a test of its own below: they are passed when a lease is older, when its executor is told to stop, when the
# table cannot tell what became of a snapshot, when the columns change, and when records are kept aside.
OF_REJECTS = ["executor.before_stage_rejects", "executor.after_stage_rejects", "executor.before_rejects_published"]
APART = {"executor.heartbeat", "executor.draining", "executor.after_tag", "executor.after_alter_table", *OF_REJECTS}
POINTS = sorted(set(points_in("executor")) - APART)
PAST_THE_LEASE = "sleep 3.5"
ACTIONS = ["kill", "raise"]
TRY_AGAIN = runs_pb2.ResolvePublishRequest.RESOLUTION_TRY_AGAIN


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("point", POINTS)
async def test_rows_are_there_once_whatever_happens_at_a_point(stage: Stage, point: str, action: str) -> None:
    scene, load = stage.scene, await stage.scene.a_load(0, 1)
    happens = stage.executor_points.arm(point, action)

    scene.victim.wire.open()
    run = await load.start()
    await happens.wait()
    scene.successor.wire.open()

    assert await load.ends_well(run)
    assert await load.holds_once(0, 1)


@pytest.mark.parametrize("action", [*ACTIONS, PAST_THE_LEASE])
async def test_a_heartbeat_that_fails_costs_no_row(stage: Stage, action: str) -> None:
    scene, load = stage.scene, await stage.scene.a_load(0, 1)
    stage.executor_points.arm("executor.before_stage", PAST_THE_LEASE)
    happens = stage.executor_points.arm("executor.heartbeat", action)

    scene.victim.wire.open()
    run = await load.start()
    await happens.wait()
    scene.successor.wire.open()

    assert await load.ends_well(run)
    assert await load.holds_once(0, 1)


@pytest.mark.parametrize("action", ["kill", "sleep 1"])
async def test_a_drain_that_fails_costs_no_row(stage: Stage, action: str) -> None:
    scene, load = stage.scene, await stage.scene.a_load(0, 1)
    reached = stage.executor_points.arm("executor.before_stage", "sleep 1")
    happens = stage.executor_points.arm("executor.draining", action)

    scene.victim.wire.open()
    run = await load.start()
    await reached.wait()
    scene.victim.executor.ask_to_stop()
    await happens.wait()
    await scene.victim.executor.ended()
    scene.successor.wire.open()

    assert await load.ends_well(run)
    assert await load.holds_once(0, 1)


@pytest.mark.parametrize("action", ["kill", "raise"])
async def test_a_doubt_that_is_told_badly_costs_no_row(stage: Stage, action: str) -> None:
    scene, load = stage.scene, await stage.scene.a_load(0)
    scene.victim.wire.open()
    assert await load.runs_well()
    (floor, head) = [snapshot.snapshot_id for snapshot in reversed(load.content().history)]

    async def roll_back(request: bytes, forward: Forward) -> bytes:
        reply = await forward(request)
        load.set_head(floor)
        return reply

    scene.victim.wire.once("StageLease", roll_back)
    happens = stage.executor_points.arm("executor.after_tag", action)
    load.put(1)
    run = await load.start()
    await happens.wait()
    scene.successor.wire.open()
    doubted = await load.installation.rested(run)
    assert doubted.state == runs_pb2.Run.STATE_FAILED
    load.set_head(head)
    (lease,) = doubted.leases_in_doubt
    await calls.resolve(run, "", load=load, lease=lease, resolution=TRY_AGAIN)

    assert await load.is_done_after_all(run)
    assert await load.holds_once(0, 1)


@pytest.mark.parametrize("action", ACTIONS)
async def test_a_change_of_columns_that_fails_costs_no_row(stage: Stage, action: str) -> None:
    scene, load = stage.scene, await stage.scene.a_load(0)
    scene.victim.wire.open()
    assert await load.runs_well()
    await load.declare_one_more_column()
    load.put(1)
    happens = stage.executor_points.arm("executor.after_alter_table", action)

    run = await load.start()
    await happens.wait()
    scene.successor.wire.open()

    assert await load.ends_well(run)
    assert await load.holds_once(0, 1)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("point", OF_REJECTS)
async def test_records_kept_aside_are_there_once_whatever_happens(stage: Stage, point: str, action: str) -> None:
    scene, load = stage.scene, await stage.scene.a_load(0, keeps_aside=True)
    load.put_with_a_bad_line(1)
    happens = stage.executor_points.arm(point, action)

    scene.victim.wire.open()
    run = await load.start()
    await happens.wait()
    scene.successor.wire.open()

    assert await load.ends_well(run)
    assert await load.holds_once(0, 1)
    assert load.kept_aside() == [f"data-1.json:51:{BAD_LINE.strip()}"]


def test_every_point_is_passed(stage: Stage) -> None:
    assert stage.executor_points.passed == set(points_in("executor"))
