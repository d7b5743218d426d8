"""What a ledger forgot is taken back once, whole, and only where the ledger does not contradict it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from control_plane.domain.ingestion import StoredIngestion
from control_plane.domain.lease import FileException, LeaseState, Resolution
from control_plane.domain.recovery import ForgottenLease, RestoredLease, RestoreResult
from control_plane.domain.run import RunState, Trigger
from control_plane.errors import LeaseFenced, RunActive
from control_plane.ledger import figures, publications
from control_plane.ledger.lease_ends import MembershipBroken
from control_plane.ledger.runs import get_by_key
from control_plane.ledger.tables import leases, runs, staged_tables
from tests.control_plane.ledger.steps import (
    MALFORMED,
    Steps,
    a_file,
    a_forgotten_lease,
    a_staging,
    some_files,
)

FAILED = FileException(index=1, outcome="FAILED", error=MALFORMED, records_rejected=4)


async def restored(steps: Steps, stored: StoredIngestion, *forgotten: ForgottenLease) -> list[RestoredLease]:
    answers, _ = await steps.restore(stored, *forgotten)
    return answers


async def refused(steps: Steps, stored: StoredIngestion, forgotten: ForgottenLease) -> str:
    """Says why a lease was refused, after a look that nothing of it was kept."""
    before = await everything(steps)
    (answer,) = await restored(steps, stored, forgotten)
    assert answer.result is RestoreResult.REFUSED
    assert await everything(steps) == before
    return answer.message


async def everything(steps: Steps) -> list[object]:
    """Every row that a restoration could touch."""
    async with steps.database.transaction() as connection:
        tables = ("files", "leases", "staged_tables", "attempts", "runs", "ingestion_totals", "ingestion_counters")
        return [sorted(map(str, await connection.exec_driver_sql(f"SELECT * FROM {table}"))) for table in tables]


async def test_a_ledger_that_knows_nothing_takes_back_all(steps: Steps) -> None:
    stored = await steps.create()
    forgotten = a_forgotten_lease(some_files(3), 10, 0, 5, exceptions=[FAILED])
    answers, run_id = await steps.restore(stored, forgotten)
    assert answers == [RestoredLease(lease_id=forgotten.lease_id, result=RestoreResult.RESTORED, files_restored=2)]
    files = await steps.files(stored)
    assert [(str(file.state), file.records_written, file.snapshot_id) for file in files] == [
        ("PROCESSED", 10, 99),
        ("FAILED", 0, 0),
        ("PROCESSED", 5, 99),
    ]
    assert [(file.generation, file.run_id, file.attempts) for file in files] == [(1, run_id, 1)] * 3
    assert files[1].error and (files[1].error.category, files[1].records_rejected) == ("DATA_MALFORMED", 4)
    (known,) = await steps.known_leases()
    assert (known.lease_id, known.attempt, known.staged) == (
        forgotten.lease_id,
        forgotten.attempt,
        forgotten.staged,
    )
    assert (known.state, known.published_snapshot_id, known.file_count, known.records_written) == (
        LeaseState.PUBLISHED,
        99,
        3,
        15,
    )


async def test_what_is_taken_back_is_kept_under_a_run_of_its_own_with_its_figures(steps: Steps) -> None:
    stored = await steps.create()
    first = a_forgotten_lease(some_files(2), 10, 0, exceptions=[FAILED])
    second = a_forgotten_lease([a_file("z")], 7, snapshot_id=101)
    _, run_id = await steps.restore(stored, first, second)
    async with steps.database.transaction() as connection:
        (shown,) = (await figures.read(connection)).ingestions
        row = (await connection.execute(select(runs).where(runs.c.run_id == run_id))).one()
    assert (row.state, row.trigger) == (RunState.SUCCEEDED, Trigger.RECONCILE)
    assert row.end_time and row.start_time
    assert (row.files_discovered, row.files_processed, row.files_failed) == (3, 2, 1)
    assert (row.records_written, row.records_rejected, row.bytes_read) == (17, 4, 200)
    assert row.snapshot_ids == [99, 101]
    assert (shown.records_written, shown.records_rejected, shown.bytes_read) == (17, 4, 200)
    assert shown.runs == {(RunState.SUCCEEDED, Trigger.RECONCILE): 1}
    assert shown.file_errors == {"DATA_MALFORMED": 1}


async def test_taking_back_again_changes_nothing(steps: Steps) -> None:
    stored = await steps.create()
    forgotten = [a_forgotten_lease([a_file(name)], snapshot_id=99 + n) for n, name in enumerate("abc")]
    await steps.restore(stored, *forgotten[:2])
    once = await everything(steps)
    answers, run_id = await steps.restore(stored, *forgotten[:2])
    assert ([answer.result for answer in answers], run_id) == ([RestoreResult.KNOWN] * 2, None)
    assert await everything(steps) == once
    answers, _ = await steps.restore(stored, *forgotten)
    assert [answer.result for answer in answers] == [
        RestoreResult.KNOWN,
        RestoreResult.KNOWN,
        RestoreResult.RESTORED,
    ]
    assert await steps.states(stored) == ["PROCESSED"] * 3


async def test_of_two_at_once_one_takes_back_and_the_other_finds_it_known(steps: Steps) -> None:
    stored = await steps.create()
    forgotten = [a_forgotten_lease([a_file(f"{n}")], snapshot_id=99 + n) for n in range(5)]
    answers = await asyncio.gather(*(steps.restore(stored, *forgotten) for _ in range(4)))
    results = [{answer.result for answer in told} for told, _ in answers]
    assert results.count({RestoreResult.RESTORED}) == 1
    assert results.count({RestoreResult.KNOWN}) == 3
    assert len(await steps.files(stored)) == 5


async def test_a_transaction_that_breaks_takes_nothing_back(steps: Steps) -> None:
    stored, run = await steps.offered(some_files(1))
    await steps.cancel(run)
    before = await everything(steps)
    names_a_file_twice = a_forgotten_lease(some_files(1) * 2)
    with pytest.raises(MembershipBroken):
        await steps.restore(stored, a_forgotten_lease([a_file("z")]), names_a_file_twice)
    assert await everything(steps) == before


async def test_files_that_wait_or_failed_become_what_their_lease_made_of_them(steps: Steps) -> None:
    listed = some_files(4)
    stored, _ = await steps.offered(listed, max_attempts=1)
    lease = await steps.held()
    await steps.fail(lease)
    assert await steps.states(stored) == ["FAILED"] * 4
    forgotten = a_forgotten_lease(listed[:3], 10, 0, 0, exceptions=[FAILED])
    await restored(steps, stored, forgotten)
    assert await steps.states(stored) == ["PROCESSED", "FAILED", "PROCESSED", "FAILED"]
    files = await steps.files(stored)
    assert [file.error.category if file.error else "" for file in files] == [
        "",
        "DATA_MALFORMED",
        "",
        "CONNECTIVITY",
    ]
    assert [file.generation for file in files] == [1] * 4


async def test_a_lease_that_was_given_up_or_abandoned_is_published_after_all(steps: Steps) -> None:
    stored, run = await steps.offered(some_files(2), max_files=1, max_attempts=1)
    failed = await steps.held()
    await steps.fail(failed)
    abandoned = await steps.held()
    await steps.cancel(run)
    for lease in (failed, abandoned):
        files = [a_file(file.uri.removeprefix("s3://bucket/")) for file in lease.files]
        (answer,) = await restored(steps, stored, a_forgotten_lease(files, lease_id=lease.lease_id))
        assert answer.result is RestoreResult.RESTORED
    assert await steps.states(stored) == ["PROCESSED"] * 2
    async with steps.database.transaction() as connection:
        states = set(await connection.scalars(select(leases.c.state)))
    assert states == {"PUBLISHED"}
    with pytest.raises(LeaseFenced):
        await steps.complete(abandoned)


async def test_a_lease_that_a_person_took_for_unpublished_is_taken_from_who_holds_it(steps: Steps) -> None:
    stored, run = await steps.offered(some_files(1))
    lease = await steps.held()
    await steps.stage(lease, a_staging(10))
    await steps.doubt(lease)
    async with steps.database.transaction() as connection:
        await publications.resolve(
            connection, run, lease_id=lease.lease_id, resolution=Resolution.NOT_PUBLISHED, snapshot_id=0
        )
    again = await steps.held()
    assert again.lease_id == lease.lease_id
    without_files = replace(a_forgotten_lease([]), lease_id=lease.lease_id)
    assert "reconcile when it is at rest" in await refused(steps, stored, without_files)
    forgotten = a_forgotten_lease(some_files(1), lease_id=lease.lease_id)
    await restored(steps, stored, forgotten)
    assert await steps.states(stored) == ["PROCESSED"]
    assert not await steps.stage(again, a_staging(10))
    async with steps.database.transaction() as connection:
        fence = await connection.scalar(select(leases.c.fence))
    assert fence == again.fence + 1


async def test_of_a_version_that_came_back_the_one_that_is_loaded_is_looked_at(steps: Steps) -> None:
    stored, _ = await steps.offered([a_file("a")])
    lease = await steps.held()
    await steps.stage(lease, a_staging(10))
    await steps.complete(lease)
    for etag in ("e2", "e1"):
        await steps.run_again(stored, [a_file("a", etag=etag)])
    assert await steps.states(stored) == ["PROCESSED", "SKIPPED", "SKIPPED"]
    assert "is loaded by snapshot 88" in await refused(steps, stored, a_forgotten_lease([a_file("a")]))


async def test_a_version_that_went_missing_or_was_ruled_out_is_loaded_when_its_lease_says_so(steps: Steps) -> None:
    stored, run = await steps.offered([a_file("a")])
    await steps.cancel(run)
    await steps.run_again(stored, [a_file("a", etag="e2")])
    assert await steps.states(stored) == ["MISSING", "LEASED"]
    lease = await steps.held()
    await steps.stage(lease, a_staging(10))
    await steps.complete(lease)
    run = await steps.run_again(stored, [a_file("a", etag="e3")])
    assert await steps.states(stored) == ["MISSING", "PROCESSED", "SKIPPED"]
    await restored(steps, stored, a_forgotten_lease([a_file("a"), a_file("a", etag="e3")]))
    assert await steps.states(stored) == ["PROCESSED"] * 3


async def test_versions_of_a_loaded_object_that_wait_are_ruled_out(steps: Steps) -> None:
    """The ledger took the new content for a file of its own, because it had forgotten that the old one is loaded."""
    stored, run = await steps.offered([a_file("a"), a_file("b")])
    await steps.cancel(run)
    await restored(steps, stored, a_forgotten_lease([a_file("a", etag="e0"), a_file("c")]))
    files = {(file.uri[-1], file.etag): file for file in await steps.files(stored)}
    assert {key: str(file.state) for key, file in files.items()} == {
        ("a", "e1"): "SKIPPED",
        ("a", "e0"): "PROCESSED",
        ("b", "e1"): "PENDING",
        ("c", "e1"): "PROCESSED",
    }
    error = files["a", "e1"].error
    assert error and (error.category, error.retryable) == ("FILE_CHANGED", False)
    run = await steps.run_again(stored, [a_file("a"), a_file("b"), a_file("c")])
    lease = await steps.held()
    assert [file.uri[-1] for file in lease.files] == ["b"]


async def test_a_file_that_is_loaded_stays_what_it_is_when_an_older_lease_had_failed_on_it(steps: Steps) -> None:
    stored = await steps.create()
    older = a_forgotten_lease(some_files(2), 10, 0, exceptions=[FAILED])
    newer = a_forgotten_lease(some_files(2)[1:], 5, snapshot_id=101)
    await restored(steps, stored, newer)
    await restored(steps, stored, older)
    assert await steps.states(stored) == ["PROCESSED", "PROCESSED"]
    files = await steps.files(stored)
    assert sorted(file.records_written for file in files) == [5, 10]


async def test_a_file_that_failed_and_was_loaded_later_is_loaded_whatever_is_taken_back_in_one_call(
    steps: Steps,
) -> None:
    stored = await steps.create()
    older = a_forgotten_lease(some_files(2), 10, 0, exceptions=[FAILED])
    newer = a_forgotten_lease(some_files(2)[1:], 5, snapshot_id=101)
    await restored(steps, stored, older, newer)
    files = await steps.files(stored)
    assert [(str(file.state), file.snapshot_id) for file in files] == [("PROCESSED", 99), ("PROCESSED", 101)]


async def test_a_true_duplicate_is_refused_with_both_snapshots(steps: Steps) -> None:
    stored = await steps.create()
    await restored(steps, stored, a_forgotten_lease(some_files(2)))
    again = a_forgotten_lease(some_files(3)[1:], snapshot_id=101)
    message = await refused(steps, stored, again)
    assert "s3://bucket/0001.json is loaded by snapshot 99, and again by 101" in message


async def test_a_refused_lease_does_not_keep_others_back(steps: Steps) -> None:
    stored = await steps.create()
    await restored(steps, stored, a_forgotten_lease(some_files(1)))
    twice = a_forgotten_lease(some_files(1), snapshot_id=101)
    fine = a_forgotten_lease([a_file("z")], snapshot_id=102)
    answers = await restored(steps, stored, twice, fine)
    assert [answer.result for answer in answers] == [RestoreResult.REFUSED, RestoreResult.RESTORED]


async def test_an_accepted_lease_without_files_is_known_and_counts_no_rows(steps: Steps) -> None:
    stored = await steps.create()
    accepted = replace(
        a_forgotten_lease([]), attempt="", staged=replace(a_staging(40).staged, table_uuid="t", records_added=40)
    )
    (answer,) = await restored(steps, stored, accepted)
    assert (answer.result, answer.files_restored) == (RestoreResult.RESTORED, 0)
    (known,) = await steps.known_leases()
    assert (known.staged.records_added, known.records_written, known.file_count) == (40, 0, 0)
    await steps.run_again(stored, some_files(1))
    assert await steps.stage(await steps.held(), a_staging(10, leases_in_main=[accepted.lease_id]))


async def test_what_is_staged_is_known_and_what_is_in_doubt_waits_for_a_person(steps: Steps) -> None:
    stored, _ = await steps.offered(some_files(2), max_files=1)
    staged, doubted = await steps.held(), await steps.held()
    for lease in (staged, doubted):
        await steps.stage(lease, a_staging(10))
    await steps.doubt(staged)
    await steps.doubt(doubted)
    (run_id,) = {lease.run_id for lease in await steps.known_leases()}
    async with steps.database.transaction() as connection:
        run = await get_by_key(connection, run_id)
        await publications.resolve(
            connection, run, lease_id=staged.lease_id, resolution=Resolution.TRY_AGAIN, snapshot_id=0
        )
    (answer,) = await restored(steps, stored, a_forgotten_lease([], lease_id=staged.lease_id))
    assert answer.result is RestoreResult.KNOWN
    assert "ResolvePublish" in await refused(steps, stored, a_forgotten_lease([], lease_id=doubted.lease_id))
    taken = a_forgotten_lease([a_file(doubted.files[0].uri.removeprefix("s3://bucket/"))])
    assert f"in lease {doubted.lease_id}" in await refused(steps, stored, taken)


async def test_a_lease_that_the_ledger_has_elsewhere_is_refused(steps: Steps) -> None:
    stored, _ = await steps.offered(some_files(1))
    lease = await steps.held()
    await steps.stage(lease, a_staging(10))
    await steps.complete(lease, 88)
    other = await steps.create("others")
    same = a_forgotten_lease(some_files(1), lease_id=lease.lease_id, snapshot_id=88)
    (answer,) = await restored(steps, stored, same)
    assert answer.result is RestoreResult.KNOWN
    assert "another ingestion" in await refused(steps, other, same)
    moved = replace(same, published_snapshot_id=89)
    assert "snapshot 88, the table as 89" in await refused(steps, stored, moved)


async def test_nothing_is_taken_back_while_a_run_is_unfinished(steps: Steps) -> None:
    stored, run = await steps.offered(some_files(1))
    with pytest.raises(RunActive) as caught:
        await steps.restore(stored, a_forgotten_lease([a_file("z")]))
    assert caught.value.metadata["run"] == f"ingestions/orders/runs/{run.run_id}"
    await steps.cancel(run)
    await steps.restore(stored, a_forgotten_lease([a_file("z")]))


async def test_a_branch_of_a_lease_that_was_taken_back_can_be_dropped(steps: Steps) -> None:
    stored = await steps.create()
    forgotten = a_forgotten_lease(some_files(1))
    await restored(steps, stored, forgotten)
    branch = f"al_{forgotten.attempt.replace('-', '')}"
    async with steps.database.transaction() as connection:
        assert await publications.droppable_branches(connection, forgotten.lease_id, [branch, "al_x"]) == [branch]


async def test_after_it_the_next_run_loads_exactly_what_is_new(steps: Steps) -> None:
    stored = await steps.create()
    listed = some_files(5)
    await restored(steps, stored, a_forgotten_lease(listed[:3], 10, 0, 5, exceptions=[FAILED]))
    await steps.run_again(stored, listed)
    lease = await steps.held()
    assert [file.uri for file in lease.files] == [file.uri for file in listed[3:]]
    assert await steps.acquire() is None


async def test_leases_are_listed_page_by_page_those_of_older_runs_first(steps: Steps) -> None:
    stored = await steps.create()
    for number in range(3):
        batch = [a_forgotten_lease([a_file(f"{number}-{n}")], snapshot_id=100 + 10 * number + n) for n in range(3)]
        await restored(steps, stored, *batch)
    whole = await steps.known_leases()
    assert [lease.run_id for lease in whole] == sorted(lease.run_id for lease in whole)
    async with steps.database.transaction() as connection:
        assert await connection.scalar(select(func.count()).select_from(staged_tables)) == len(whole) == 9
