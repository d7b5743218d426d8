"""Every bug that is planted in an executor or a loop is noticed by its scene, which ends well without it."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.conftest import Tell
from tests.faults.seeded import scenes_of_deaths as deaths
from tests.faults.seeded import scenes_of_leases as talks
from tests.faults.seeded import scenes_of_loops as loops
from tests.faults.seeded import scenes_of_publishing as publishing
from tests.faults.seeded import scenes_of_staging as staging
from tests.faults.seeded.bugs_of_leases import BUGS_OF_LEASES
from tests.faults.seeded.bugs_of_loops import BUGS_OF_LOOPS
from tests.faults.seeded.bugs_of_tables import BUGS_OF_TABLES, PLAIN_APPEND
from tests.faults.seeded.ground import Ground, Scene

pytestmark = pytest.mark.wide

BUGS = BUGS_OF_TABLES | BUGS_OF_LEASES | BUGS_OF_LOOPS
SCENE_SECONDS = 240.0
# What a bug ends with that was planted badly.
NOT_A_NOTICE = (TypeError, AttributeError, NameError, LookupError)

NOTICED_BY: dict[str, Scene] = {
    PLAIN_APPEND: deaths.before_the_decision,
    "publish without the floor check": publishing.forgotten,
    "publish on a floor that merely exists": publishing.forgotten,
    "publish into another table of the name": publishing.another_table_or_half_of_one,
    "publish without a look for itself": publishing.repeated,
    "publish looks for the staged snapshot alone": publishing.repeated,
    "publish does not know its lease again": publishing.another_attempt_in_main,
    "publish again what was removed": publishing.rolled_back,
    "publish looks for a removal by its source alone": publishing.rolled_back,
    "publish takes a torn read for the truth": publishing.another_table_or_half_of_one,
    "publish doubts what provably never was in main": publishing.lost_before_it_was_published,
    "publish takes what is gone for never published": publishing.repeated_after_the_staged_snapshot_expired,
    "an unknown outcome is taken for failure": publishing.answers_lost,
    "an unknown outcome is taken for success": publishing.answers_lost,
    "publish without the lease": publishing.the_lease_is_lost,
    "publish looks, then appends": publishing.two_publishers,
    "stage on main": staging.two_attempts,
    "stage on one branch for all": staging.two_attempts,
    "stage takes what it finds on its branch": staging.two_attempts,
    "stage lays no floor": staging.an_empty_table,
    "stage does not see its rows in main": staging.rows_that_are_in_main,
    "an attempt forgets its table": staging.a_table_that_is_replaced,
    "counts of files are guessed by their sizes": staging.files_of_all_sizes,
    "versions are not looked at after the read": staging.a_file_that_changes_while_it_is_read,
    "a version is its size": staging.a_file_that_changes_while_it_is_read,
    "what is missing is taken for empty": staging.a_file_that_was_empty,
    "tables are cached": publishing.main_moves_in_another_session,
    "a publisher can delete files": publishing.a_new_publisher,
    "a session that diverts writes is taken": publishing.a_session_that_diverts_writes,
    "an attempt goes on after it was fenced": talks.fenced_at_the_decision,
    "a heartbeat does not hear STOP": talks.told_to_stop,
    "a heartbeat never renews": talks.long_work,
    "a lease is always held": talks.silence,
    "trust begins with the answer": talks.silence,
    "work begins before the first renewal": talks.fenced_before_the_work,
    "a wrong clock works": talks.a_wrong_clock,
    "a doubt is not kept for a person": talks.in_doubt,
    "a publication that fails is a load that failed": talks.the_catalog_is_away,
    "a call is repeated under a new id": talks.an_answer_is_lost,
    "whoever completes drops every branch": talks.branches_of_others,
    "who is fenced drops a branch": talks.fenced_at_the_decision,
    "a lease that was cut short is kept": talks.cut_short,
    "publish before the decision": deaths.before_the_decision,
    "the reaper acts right after its start": loops.after_a_start,
    "the reaper trusts silence after it was away": loops.after_a_sleep,
    "an error of a page is taken for the end": loops.a_page_fails,
    "a lister goes on when its claim is lost": loops.a_run_is_cancelled_while_it_is_listed,
    "a person's word takes up a cancelled run": loops.a_cancelled_run_in_doubt,
    "branches in use are called droppable": loops.branches_in_use,
    "the fence is looked at before the commit only": loops.taken_over_between_the_look_and_the_commit,
}


def name_of(scene: Scene) -> str:
    return f"{scene.__module__.rpartition('_')[2]}: {scene.__name__.replace('_', ' ')}"


@pytest.mark.parametrize("scene", dict.fromkeys(NOTICED_BY.values()), ids=name_of)
async def test_a_scene_ends_well_without_a_bug(scene: Scene, ground: Ground) -> None:
    await scene(ground)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.replace(" ", "-"))
async def test_a_bug_is_noticed(bug: str, ground: Ground, tell: Tell) -> None:
    scene, began = NOTICED_BY[bug], time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        for plant in BUGS[bug]:
            plant(patch)
        with pytest.raises((Exception, pytest.fail.Exception)) as end:
            async with asyncio.timeout(SCENE_SECONDS) as limit:
                await scene(ground)
    assert not limit.expired(), "the scene has no end, which may be due to the machine"
    assert not isinstance(end.value, NOT_A_NOTICE), end.value
    what = " ".join((str(end.value) or end.typename).split())
    tell(f"{bug:<50} {name_of(scene):<58} {time.monotonic() - began:5.1f} s  {what[:60]}")
