"""An executor that is stopped at any of its points, and wakes when another has finished its lease, harms nothing."""

from __future__ import annotations

import pytest

from tests.faults.failpoints import WAIT, points_in
from tests.faults.matrix.stage import Stage

pytestmark = pytest.mark.wide

# A lease has to grow older before its heart beats, so that it is held up elsewhere meanwhile.
HEARTBEAT, MEANWHILE = "executor.heartbeat", "executor.before_stage"
# They are passed by one that was told to stop, by one in doubt, and by one whose columns change.
APART = {"executor.draining", "executor.after_tag", "executor.after_alter_table"}
# They are passed where a record is kept aside.
OF_REJECTS = {"executor.before_stage_rejects", "executor.after_stage_rejects", "executor.before_rejects_published"}


@pytest.mark.parametrize("point", sorted(set(points_in("executor")) - APART))
async def test_a_zombie_is_harmless_and_takes_later_work(stage: Stage, point: str) -> None:
    scene, load = stage.scene, await stage.scene.a_load(0, 1, keeps_aside=point in OF_REJECTS)
    if point in OF_REJECTS:
        load.put_with_a_bad_line(1)
    if point == HEARTBEAT:
        stage.executor_points.arm(MEANWHILE, WAIT)
    reached = stage.executor_points.arm(point, WAIT)

    scene.victim.wire.open()
    run = await load.start()
    await reached.wait()
    scene.victim.executor.freeze()
    scene.successor.wire.open()
    assert await load.ends_well(run)
    scene.successor.wire.close()
    scene.victim.executor.thaw()
    stage.executor_points.disarm()
    load.put(2)

    assert await load.runs_well()
    assert await load.holds_once(0, 1, 2)
    assert scene.victim.executor.is_running
    assert len(load.kept_aside()) == (point in OF_REJECTS)
