"""The life of a lease in the ledger: every call once, twice, late, and by somebody who lost it."""

from __future__ import annotations

import asyncio

import pytest

from control_plane.domain.file import LoadError
from control_plane.domain.lease import FileException, Resolution
from control_plane.domain.run import RunState
from control_plane.errors import InvalidField, LeaseFenced, NotFound, WrongState
from control_plane.ledger import leases, listings, publications
from tests.control_plane.ledger.steps import MALFORMED, Steps, a_file, a_staging, holding, some_files


async def test_a_lease_hands_out_its_files_in_the_order_of_their_discovery(steps: Steps) -> None:
    await steps.offered(some_files(3))
    lease = await steps.acquire()
    assert lease
    assert [file.uri for file in lease.files] == [file.uri for file in some_files(3)]
    assert lease.fence == 1


async def test_two_executors_never_hold_one_lease(steps: Steps) -> None:
    await steps.offered(some_files(8), max_files=2)
    acquired = await asyncio.gather(*(steps.acquire(executor=f"e{n}") for n in range(10)))
    ids = [lease.lease_id for lease in acquired if lease]
    assert len(ids) == len(set(ids)) == 4


async def test_a_lost_reply_to_acquire_is_asked_for_again(steps: Steps) -> None:
    await steps.offered(some_files(2), max_files=1)
    first = await steps.acquire("same")
    again = await steps.acquire("same")
    assert first and again
    assert (again.lease_id, again.fence, again.attempt) == (first.lease_id, first.fence, first.attempt)


async def test_rows_are_counted_where_they_were_committed(steps: Steps) -> None:
    stored, run = await steps.offered(some_files(3))
    lease = await steps.held()
    bad = FileException(index=1, outcome="FAILED", error=MALFORMED, records_rejected=4)
    assert await steps.stage(lease, a_staging(10, 0, 5, exceptions=[bad]))
    await steps.complete(lease)
    ended = await steps.run(run)
    assert (ended.state, ended.records_written, ended.records_rejected) == (RunState.PARTIALLY_SUCCEEDED, 15, 4)
    assert (ended.files_processed, ended.files_failed, ended.files_remaining) == (2, 1, 0)
    assert (ended.bytes_read, ended.snapshot_ids) == (200, (88,))
    assert await steps.states(stored) == ["PROCESSED", "FAILED", "PROCESSED"]
    assert [file.records_written for file in await steps.files(stored)] == [10, 0, 5]
    assert [error.category for error in ended.errors] == ["DATA_MALFORMED"]


async def test_stage_and_complete_may_be_repeated(steps: Steps) -> None:
    _, run = await steps.offered(some_files(1))
    lease = await steps.held()
    for _ in range(2):
        assert await steps.stage(lease, a_staging(10))
    for _ in range(2):
        await steps.complete(lease)
    assert await steps.stage(lease, a_staging(10))
    assert (await steps.run(run)).records_written == 10


async def test_completing_with_another_snapshot_is_refused(steps: Steps) -> None:
    await steps.offered(some_files(1))
    lease = await steps.held()
    await steps.stage(lease, a_staging(10))
    await steps.complete(lease, 88)
    with pytest.raises(LeaseFenced):
        await steps.complete(lease, 99)


async def test_one_that_lost_its_lease_changes_nothing(steps: Steps) -> None:
    stored, _ = await steps.offered(some_files(1))
    zombie = await steps.held()
    await steps.expire(zombie)
    successor = await steps.held()
    assert successor.fence > zombie.fence
    assert not await steps.renew(zombie)
    assert not await steps.stage(zombie, a_staging(10, snapshot_id=66))
    with pytest.raises(LeaseFenced):
        await steps.fail(zombie)
    await steps.release(zombie)
    assert await steps.stage(successor, a_staging(10))
    with pytest.raises(LeaseFenced):
        await steps.complete(zombie)
    await steps.complete(successor)
    assert await steps.states(stored) == ["PROCESSED"]


async def test_an_expired_lease_that_nobody_took_over_may_still_win(steps: Steps) -> None:
    await steps.offered(some_files(1))
    lease = await steps.held()
    async with steps.database.transaction() as connection:
        await connection.exec_driver_sql("UPDATE leases SET deadline = now() - interval '1 hour'")
    assert await steps.stage(lease, a_staging(10))


async def test_the_first_decision_stands_when_its_reply_was_lost_and_another_publishes(steps: Steps) -> None:
    await steps.offered(some_files(1))
    first = await steps.held()
    await steps.stage(first, a_staging(10))
    await steps.expire(first)
    publisher = await steps.acquire()
    assert publisher and publisher.staged and publisher.fence == first.fence + 1
    assert publisher.files == ()
    assert publisher.staged.staged_snapshot_id == 77
    assert await steps.stage(first, a_staging(10))
    await steps.complete(publisher)
    with pytest.raises(LeaseFenced):
        await steps.complete(first, 99)


async def test_counts_that_do_not_fit_the_lease_are_refused(steps: Steps) -> None:
    await steps.offered(some_files(2))
    lease = await steps.held()
    with pytest.raises(InvalidField, match="2 files"):
        await steps.stage(lease, a_staging(10))


async def test_an_attempt_counts_from_its_first_renewal(steps: Steps) -> None:
    stored, _ = await steps.offered(some_files(1), max_attempts=2)
    for _ in range(4):
        lost = await steps.acquire()
        assert lost
        await steps.expire(lost)
    for _ in range(2):
        await steps.expire(await steps.held())
    assert await steps.acquire() is None
    assert await steps.states(stored) == ["FAILED"]
    (file,) = await steps.files(stored)
    assert file.attempts == 2
    assert file.error and file.error.category == "EXECUTOR_LOST"


async def test_attempts_used_up_fail_the_files_and_the_next_run_takes_them_up(steps: Steps) -> None:
    stored, run = await steps.offered(some_files(2), max_attempts=2)
    for _ in range(2):
        await steps.fail(await steps.held())
    ended = await steps.run(run)
    assert (ended.state, ended.files_failed) == (RunState.FAILED, 2)
    assert [(error.category, error.file_count) for error in ended.errors] == [("CONNECTIVITY", 2)]
    again = await steps.run_again(stored, some_files(2))
    lease = await steps.held()
    assert await steps.stage(lease, a_staging(1, 1))
    await steps.complete(lease)
    assert (await steps.run(again)).state is RunState.SUCCEEDED


async def test_a_cause_inside_the_file_waits_for_a_person(steps: Steps) -> None:
    stored, _ = await steps.offered(some_files(1))
    lease = await steps.held()
    bad = FileException(index=0, outcome="FAILED", error=MALFORMED)
    await steps.stage(lease, a_staging(0, exceptions=[bad]))
    await steps.complete(lease, 0)
    await steps.run_again(stored, some_files(1))
    assert await steps.acquire() is None
    assert await steps.states(stored) == ["FAILED"]


async def test_what_cannot_succeed_is_not_tried_again(steps: Steps) -> None:
    stored, _ = await steps.offered(some_files(1))
    await steps.fail(await steps.held(), LoadError(category="FORMAT_OPTIONS_INVALID", message="No such option."))
    assert await steps.states(stored) == ["FAILED"]


async def test_a_failed_lease_rests_before_it_is_offered_again(steps: Steps) -> None:
    await steps.offered(some_files(1))
    lease = await steps.held()
    async with steps.database.transaction() as connection:
        await leases.fail(
            connection,
            holding(lease),
            LoadError(category="THROTTLED", message="Slow down.", retryable=True),
            backoff=leases.Backoff(),
        )
    assert await steps.acquire() is None


async def test_a_lease_given_back_is_offered_at_once_and_costs_no_attempt(steps: Steps) -> None:
    stored, _ = await steps.offered(some_files(1), max_attempts=1)
    await steps.release(await steps.held())
    lease = await steps.held()
    await steps.stage(lease, a_staging(3))
    await steps.complete(lease)
    assert [file.attempts for file in await steps.files(stored)] == [1]


async def test_a_lost_snapshot_is_staged_anew_under_a_higher_fence(steps: Steps) -> None:
    _, run = await steps.offered(some_files(1))
    lease = await steps.held()
    await steps.stage(lease, a_staging(10))
    await steps.unstage(lease)
    await steps.unstage(lease)
    with pytest.raises(LeaseFenced):
        await steps.complete(lease)
    again = await steps.held()
    assert again.fence > lease.fence + 1
    assert await steps.stage(again, a_staging(10, snapshot_id=78))
    await steps.complete(again)
    assert (await steps.run(run)).records_written == 10


async def test_cancelling_gives_files_back_and_publishes_what_is_staged(steps: Steps) -> None:
    stored, run = await steps.offered(some_files(3), max_files=1)
    staged, held = await steps.held(), await steps.held()
    await steps.stage(staged, a_staging(5))
    assert (await steps.cancel(run)).state is RunState.RUNNING
    assert not await steps.renew(held)
    assert not await steps.stage(held, a_staging(5, snapshot_id=66))
    assert sorted(await steps.states(stored)) == ["LEASED", "PENDING", "PENDING"]
    await steps.complete(staged)
    ended = await steps.cancel(run)
    assert (ended.state, ended.records_written) == (RunState.CANCELLED, 5)


async def test_a_run_at_rest_cannot_be_cancelled(steps: Steps) -> None:
    _, run = await steps.offered([])
    with pytest.raises(WrongState, match="SUCCEEDED"):
        await steps.cancel(run)


@pytest.mark.parametrize("resolution", list(Resolution))
async def test_a_person_resolves_a_publication_in_doubt(steps: Steps, resolution: Resolution) -> None:
    stored, run = await steps.offered(some_files(2))
    lease = await steps.held()
    await steps.stage(lease, a_staging(5, 5))
    for _ in range(2):
        await steps.doubt(lease)
    rested = await steps.run(run)
    assert (rested.state, rested.leases_in_doubt) == (RunState.FAILED, (lease.lease_id,))
    assert [(error.category, error.file_count) for error in rested.errors] == [("PUBLISH_IN_DOUBT", 2)]
    assert await steps.acquire() is None
    async with steps.database.transaction() as connection:
        await publications.resolve(connection, rested, lease_id=lease.lease_id, resolution=resolution, snapshot_id=88)
    if resolution is not Resolution.PUBLISHED:
        taken = await steps.held()
        assert (taken.staged is not None) == (resolution is Resolution.TRY_AGAIN)
        assert await steps.stage(taken, a_staging(5, 5, snapshot_id=78)) or taken.staged
        await steps.complete(taken)
    assert await steps.states(stored) == ["PROCESSED", "PROCESSED"]
    assert (await steps.run(run)).records_written == 10


async def test_only_a_lease_in_doubt_of_this_run_is_resolved(steps: Steps) -> None:
    _, run = await steps.offered(some_files(1))
    lease = await steps.held()
    for lease_id, refusal in ((lease.lease_id, WrongState), (lease.attempt, NotFound)):
        with pytest.raises(refusal):
            async with steps.database.transaction() as connection:
                await publications.resolve(
                    connection, run, lease_id=lease_id, resolution=Resolution.NOT_PUBLISHED, snapshot_id=0
                )


async def test_only_branches_that_nobody_needs_are_droppable(steps: Steps) -> None:
    await steps.offered(some_files(2), max_files=1)
    dead = await steps.held()
    await steps.expire(dead)
    current, other = await steps.held(), await steps.held()
    await steps.stage(other, a_staging(5))
    names = [f"al_{each.attempt.replace('-', '')}" for each in (dead, current, other)]
    strangers = ["main", "al_x", "al_" + "0" * 32]

    async def droppable() -> list[str]:
        async with steps.database.transaction() as connection:
            return await publications.droppable_branches(
                connection, other.lease_id, [*names, f"{names[0]}_2", *strangers]
            )

    assert await droppable() == [names[0], f"{names[0]}_2"]
    await steps.complete(other)
    assert await droppable() == [names[0], names[2], f"{names[0]}_2"]


async def test_an_executor_that_was_fenced_is_counted(steps: Steps) -> None:
    await steps.offered(some_files(1))
    zombie = await steps.held()
    await steps.expire(zombie)
    await steps.renew(zombie)
    with pytest.raises(LeaseFenced):
        await steps.complete(zombie)
    async with steps.database.transaction() as connection:
        fenced = await connection.exec_driver_sql("SELECT leases_fenced, lease_expirations FROM ingestion_totals")
    assert tuple(fenced.one()) == (2, 1)


async def test_a_version_skipped_for_one_that_did_not_load_is_taken_back(steps: Steps) -> None:
    stored, run = await steps.offered([a_file(etag="e1")])
    lease = await steps.held()
    # The listing of a replaced lister sees the new version while the old one is being loaded.
    async with steps.database.transaction() as connection:
        await listings.record_page(
            connection,
            ingestion_id=stored.ingestion_id,
            run_id=run.run_id,
            page=[a_file(etag="e2")],
            ordered=True,
        )
    assert await steps.states(stored) == ["LEASED", "SKIPPED"]
    changed = LoadError(category="FILE_CHANGED", message="The object was overwritten.")
    await steps.stage(lease, a_staging(0, exceptions=[FileException(index=0, outcome="MISSING", error=changed)]))
    await steps.complete(lease, 0)
    assert await steps.states(stored) == ["MISSING", "PENDING"]


async def test_a_staged_lease_that_cannot_be_published_lets_others_go_first(steps: Steps) -> None:
    await steps.offered(some_files(2), max_files=1)
    stuck = await steps.held()
    await steps.stage(stuck, a_staging(5))
    await steps.release(stuck)
    other = await steps.acquire()
    assert other and other.lease_id != stuck.lease_id
    assert await steps.acquire() is None


async def test_two_handlers_of_one_request_get_one_lease(steps: Steps) -> None:
    await steps.offered(some_files(4), max_files=1)
    acquired = await asyncio.gather(*(steps.acquire("same") for _ in range(4)))
    assert len({(lease.lease_id, lease.fence) for lease in acquired if lease}) == 1


async def test_a_lost_snapshot_of_a_cancelled_run_is_not_staged_anew(steps: Steps) -> None:
    stored, run = await steps.offered(some_files(1))
    lease = await steps.held()
    await steps.stage(lease, a_staging(5))
    await steps.cancel(run)
    for _ in range(2):
        await steps.unstage(lease)
    assert await steps.acquire() is None
    assert (await steps.run(run)).state is RunState.CANCELLED
    assert await steps.states(stored) == ["PENDING"]
