"""An executor and the control plane that are cut from each other load each row once, whatever was under way."""

from __future__ import annotations

import asyncio

import pytest

from tests.faults.matrix.stage import LEASE_SECONDS, Stage
from tests.faults.races.busy import PHASES, Busy
from tests.faults.races.cut import Cut
from tests.faults.scene import Load

pytestmark = pytest.mark.wide

of_what_is_lost = pytest.mark.parametrize("lost", ["requests", "replies", "requests and replies"])


@of_what_is_lost
async def test_a_cut_that_outlasts_the_lease_costs_no_row(stage: Stage, busy: Busy, lost: str) -> None:
    load, cut = await stage.scene.a_load(*range(PHASES), max_files_per_lease=1), _cut(lost)
    run = await load.start()
    await _cut_in_all_phases(busy, cut)

    stage.scene.successor.wire.open()
    if cut.requests:
        assert await load.ends_well(run)
    else:
        # One that is heard, and hears nothing, keeps its lease: nobody can tell it from one that works.
        await asyncio.sleep(2 * LEASE_SECONDS)
    assert await cut.heal() >= PHASES
    assert await load.ends_well(run)
    stage.scene.successor.wire.close()
    await _loads_later_work(busy, load)


@of_what_is_lost
async def test_a_cut_shorter_than_the_lease_costs_no_row(stage: Stage, busy: Busy, lost: str) -> None:
    load, cut = await stage.scene.a_load(*range(PHASES), max_files_per_lease=1), _cut(lost)
    run = await load.start()
    await _cut_in_all_phases(busy, cut)

    await asyncio.sleep(LEASE_SECONDS / 3)
    assert await cut.heal() >= PHASES
    busy.wired.wire.open()
    assert await load.ends_well(run)
    await _loads_later_work(busy, load)


def _cut(lost: str) -> Cut:
    return Cut(requests="requests" in lost, replies="replies" in lost)


async def _cut_in_all_phases(busy: Busy, cut: Cut) -> None:
    held_up = busy.hold_up(then=cut)
    busy.wired.wire.open()
    await held_up.are_in_all_phases()
    busy.wired.wire.close()
    busy.wired.wire.always(cut)
    held_up.go_on()


async def _loads_later_work(busy: Busy, load: Load) -> None:
    load.put(PHASES)
    busy.wired.wire.open()
    assert await load.runs_well()
    assert await load.holds_once(*range(PHASES + 1))
    assert busy.wired.executor.is_running
