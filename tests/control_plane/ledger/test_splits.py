"""A set that an executor died with is cut, until the file that executors die of is alone and fails."""

from __future__ import annotations

import pytest

from control_plane.domain.file import File, FileState, LoadError
from control_plane.domain.filter import EVERYTHING
from control_plane.domain.ingestion import StoredIngestion
from control_plane.domain.lease import AcquiredLease
from control_plane.domain.run import Run, RunState
from control_plane.errors import LeaseFenced
from control_plane.ledger import leases, rulings, splits
from tests.control_plane.ledger.steps import Steps, a_file, a_staging, some_files

LOST = leases.EXECUTOR_LOST
UNAVAILABLE = LoadError(category="SPARK_UNAVAILABLE", message="Spark does not start.", retryable=True)
DEADLY = "s3://bucket/0004.json"


async def _lease_states(steps: Steps) -> list[str]:
    async with steps.database.transaction() as connection:
        told = await connection.exec_driver_sql("SELECT state FROM leases ORDER BY state")
        return list(told.scalars())


async def _load(steps: Steps, lease: AcquiredLease) -> None:
    assert await steps.stage(lease, a_staging(*(1 for _ in lease.files)))
    await steps.complete(lease)


async def _die(steps: Steps, lease: AcquiredLease, *, silently: bool = True) -> None:
    await (steps.expire(lease) if silently else steps.fail(lease, LOST))


async def _work_off(steps: Steps, stored: StoredIngestion, run: Run, *, silently: bool = True) -> int:
    """Executors load what there is until the run is at rest, and die of the deadly file; how many died."""
    deaths = 0
    while (await steps.run(run)).state is RunState.RUNNING:
        while lease := await steps.acquire():
            assert await steps.renew(lease)
            if DEADLY in {file.uri for file in lease.files}:
                await _die(steps, lease, silently=silently)
                deaths += 1
            else:
                await _load(steps, lease)
        await steps.offer(stored, run)
        await steps.finish(run)
    return deaths


async def _deadly_file(steps: Steps, stored: StoredIngestion) -> File:
    (found,) = [file for file in await steps.files(stored) if file.uri == DEADLY]
    return found


@pytest.mark.parametrize("silently", [True, False], ids=["fell-silent", "told-so"])
@pytest.mark.parametrize("max_attempts", [3, 4])
async def test_one_deadly_file_fails_and_all_others_load(steps: Steps, silently: bool, max_attempts: int) -> None:
    stored, run = await steps.offered(some_files(40), max_attempts=max_attempts)
    assert await _work_off(steps, stored, run, silently=silently) == max_attempts
    ended = await steps.run(run)
    assert (ended.state, ended.files_processed, ended.files_failed) == (RunState.PARTIALLY_SUCCEEDED, 39, 1)
    failed = await _deadly_file(steps, stored)
    assert (failed.state, failed.attempts) == (FileState.FAILED, max_attempts)
    assert failed.error and (failed.error.category, failed.error.retryable) == ("FILE_POISONOUS", False)
    assert "RetryFiles" in failed.error.message and "fell silent" in failed.error.cause
    await steps.run_again(stored, some_files(40))
    assert await steps.acquire() is None


async def test_a_deadly_file_that_is_retried_costs_one_executor_and_no_other_file(steps: Steps) -> None:
    stored, run = await steps.offered(some_files(9))
    await _work_off(steps, stored, run)
    async with steps.database.transaction() as connection:
        assert await rulings.retry(connection, stored, file_ids=[], filter=EVERYTHING) == 1
    again = await steps.run_again(stored, some_files(12))
    assert await _work_off(steps, stored, again) == 1
    ended = await steps.run(again)
    assert (ended.files_processed, ended.files_failed) == (3, 1)
    failed = await _deadly_file(steps, stored)
    assert failed.error and failed.error.category == "FILE_POISONOUS"


async def test_with_nothing_else_loaded_the_executors_may_be_at_fault_and_the_next_run_tries(steps: Steps) -> None:
    stored, run = await steps.offered([a_file("0004.json")])
    assert await _work_off(steps, stored, run) == 3
    failed = await _deadly_file(steps, stored)
    assert failed.error and (failed.error.category, failed.error.retryable) == ("EXECUTOR_LOST", True)
    again = await steps.run_again(stored, some_files(5))
    assert await _work_off(steps, stored, again) == 1
    assert (await steps.run(again)).files_processed == 4


@pytest.mark.parametrize("silently", [True, False], ids=["fell-silent", "told-so"])
async def test_a_set_whose_executor_died_has_ended_and_its_files_wait(steps: Steps, silently: bool) -> None:
    stored, _ = await steps.offered(some_files(3))
    lease = await steps.held()
    await _die(steps, lease, silently=silently)
    assert await _lease_states(steps) == ["ABANDONED"]
    assert await steps.states(stored) == ["PENDING"] * 3
    assert {file.attempts for file in await steps.files(stored)} == {1}


async def test_a_zombie_with_a_set_that_was_split_stages_nothing(steps: Steps) -> None:
    await steps.offered(some_files(3))
    zombie = await steps.held()
    await _die(steps, zombie)
    assert not await steps.stage(zombie, a_staging(1, 1, 1))
    assert not await steps.renew(zombie)
    await steps.fail(zombie, LOST)
    with pytest.raises(LeaseFenced):
        await steps.fail(zombie)


async def test_one_that_renewed_before_its_set_was_split_keeps_it(steps: Steps) -> None:
    await steps.offered(some_files(3))
    lease = await steps.held()
    async with steps.database.transaction() as connection:
        await connection.exec_driver_sql("UPDATE leases SET deadline = now() - interval '1 second'")
        (lost,) = await splits.lost_sets(connection)
    assert await steps.renew(lease)
    async with steps.database.transaction() as connection:
        assert not await splits.split_lost(connection, lost, LOST)
    await _load(steps, lease)


async def test_one_that_staged_before_its_set_was_split_has_decided(steps: Steps) -> None:
    stored, _ = await steps.offered(some_files(3))
    lease = await steps.held()
    assert await steps.stage(lease, a_staging(1, 1, 1))
    with pytest.raises(LeaseFenced):
        await steps.fail(lease, LOST)
    await steps.complete(lease)
    assert await steps.states(stored) == ["PROCESSED"] * 3


async def test_a_set_that_nobody_began_to_load_is_offered_whole(steps: Steps) -> None:
    await steps.offered(some_files(3))
    lease = await steps.acquire()
    assert lease
    await steps.expire(lease)
    again = await steps.acquire()
    assert again and (again.lease_id, again.fence) == (lease.lease_id, 2)


async def test_spark_that_does_not_start_splits_nothing(steps: Steps) -> None:
    await steps.offered(some_files(3))
    lease = await steps.held()
    await steps.fail(lease, UNAVAILABLE)
    again = await steps.acquire()
    assert again and again.lease_id == lease.lease_id


async def test_a_cancelled_run_ends_with_its_sets_before_they_are_split(steps: Steps) -> None:
    stored, run = await steps.offered(some_files(3))
    lease = await steps.held()
    await steps.cancel(run)
    await steps.fail(lease, LOST)
    assert await steps.states(stored) == ["PENDING"] * 3
    assert (await steps.run(run)).state is RunState.CANCELLED
    assert {file.attempts for file in await steps.files(stored)} == {1}


async def test_what_an_executor_died_with_is_suspect_while_it_is_loaded(steps: Steps) -> None:
    stored, run = await steps.offered(some_files(4))
    lease = await steps.held()
    assert not lease.is_suspect
    await _die(steps, lease)
    await steps.offer(stored, run)
    again = await steps.held()
    assert again.is_suspect
    assert await steps.stage(again, a_staging(1, 1))
    await steps.release(again, rest_seconds=0)
    leases_left = [await steps.acquire(), await steps.acquire()]
    assert {each.is_suspect for each in leases_left if each and each.staged} == {False}
