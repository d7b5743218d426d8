"""The planner: what waits is offered in sets, and runs with nothing left come to rest."""

from __future__ import annotations

import uuid

from control_plane.domain.run import RunState
from control_plane.ledger import listing_claims, listings
from control_plane.ledger.splits import DEATHS_IN_A_ROW
from control_plane.loops.planner import Planner
from control_plane.wake import Wake
from tests.control_plane.ledger.steps import Steps, a_staging, some_files


def _planner(steps: Steps) -> Planner:
    return Planner(database=steps.database, wake=Wake(), poll_seconds=60)


async def test_a_run_with_nothing_new_succeeds_without_a_lease(steps: Steps) -> None:
    run = await steps.open_run(await steps.create())
    await steps.discover([])
    await _planner(steps).turn()
    assert (await steps.run(run)).state is RunState.SUCCEEDED
    assert await steps.acquire() is None


async def test_what_waits_is_offered_once_the_listing_is_whole(steps: Steps) -> None:
    stored = await steps.create()
    run = await steps.open_run(stored)
    async with steps.database.transaction() as connection:
        listing = await listing_claims.start_run(connection, lister=str(uuid.uuid4()), claim_seconds=30)
        assert listing
        await listings.record_page(
            connection,
            ingestion_id=stored.ingestion_id,
            run_id=run.run_id,
            page=some_files(3),
            ordered=True,
        )
    await _planner(steps).turn()
    assert await steps.acquire() is None
    async with steps.database.transaction() as connection:
        await listing_claims.end_listing(connection, listing, error=None)
    for _ in range(2):
        await _planner(steps).turn()
    lease = await steps.acquire()
    assert lease and len(lease.files) == 3
    assert await steps.acquire() is None
    assert (await steps.run(run)).state is RunState.RUNNING


async def test_full_sets_are_offered_while_the_listing_goes_on(steps: Steps) -> None:
    stored = await steps.create()
    run = await steps.open_run(stored)
    async with steps.database.transaction() as connection:
        await listing_claims.start_run(connection, lister=str(uuid.uuid4()), claim_seconds=30)
        await listings.record_page(
            connection,
            ingestion_id=stored.ingestion_id,
            run_id=run.run_id,
            page=some_files(5001),
            ordered=True,
        )
    await _planner(steps).turn()
    lease = await steps.acquire()
    assert lease and len(lease.files) == 5000
    assert await steps.acquire() is None


async def test_what_an_executor_died_with_is_offered_in_smaller_sets(steps: Steps) -> None:
    await steps.offered(some_files(9))
    await steps.expire(await steps.held())
    await _planner(steps).turn()
    sets = [len(lease.files) for _ in range(3) if (lease := await steps.acquire())]
    assert sets == [3, 3, 3]
    assert await steps.acquire() is None


async def _die(steps: Steps, times: int) -> None:
    for _ in range(times):
        await steps.expire(await steps.held())
        await _planner(steps).turn()


async def test_a_run_whose_executors_die_and_load_nothing_is_stopped(steps: Steps) -> None:
    stored, run = await steps.offered(some_files(400))
    await _die(steps, DEATHS_IN_A_ROW - 1)
    assert (await steps.run(run)).state is RunState.RUNNING
    await _die(steps, 1)
    ended = await steps.run(run)
    assert (ended.state, ended.files_failed) == (RunState.FAILED, 0)
    assert [error.category for error in ended.errors] == ["EXECUTOR_LOST"]
    assert set(await steps.states(stored)) == {"PENDING"}
    await steps.run_again(stored, some_files(400))
    assert await steps.acquire()


async def test_a_run_that_loads_in_between_goes_on(steps: Steps) -> None:
    _, run = await steps.offered(some_files(400))
    await _die(steps, DEATHS_IN_A_ROW - 1)
    lease = await steps.held()
    await steps.stage(lease, a_staging(*(1 for _ in lease.files)))
    await steps.complete(lease)
    await _die(steps, DEATHS_IN_A_ROW - 1)
    assert (await steps.run(run)).state is RunState.RUNNING
