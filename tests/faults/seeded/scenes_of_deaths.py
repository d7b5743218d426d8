"""Scenes of the whole: executors that die, and those that take over."""

from __future__ import annotations

from autoloader.v1 import runs_pb2

from tests.checker.checker import assert_no_findings
from tests.faults.seeded.ground import Ground
from tests.faults.seeded.world import a_world


async def before_the_decision(ground: Ground) -> None:
    """Rows that nobody decided upon are not there."""
    await _outlived(ground, "executor.before_decision")


async def after_the_pick(ground: Ground) -> None:
    """Rows that are there, and of which the ledger does not know, are found."""
    await _outlived(ground, "executor.after_pick")


async def _outlived(ground: Ground, point: str) -> None:
    async with a_world(ground) as world:
        load = await world.a_load(0, 1)
        run = await load.outlives_a_death(point)
        assert run.state == runs_pb2.Run.STATE_SUCCEEDED, run
        assert_no_findings(await load.findings())
