"""A person takes files up again, or rules them out, and nothing that may be in the table is loaded twice for it."""

from __future__ import annotations

from control_plane.domain.file import File, LoadError
from control_plane.domain.filter import EVERYTHING, Condition, Filter
from control_plane.domain.ingestion import StoredIngestion
from control_plane.domain.lease import FileException
from control_plane.domain.run import RunState
from control_plane.ledger import listings, rulings
from tests.control_plane.ledger.steps import (
    MALFORMED,
    Steps,
    a_file,
    a_forgotten_lease,
    a_staging,
    some_files,
)

BROKEN = FileException(index=0, outcome="FAILED", error=MALFORMED)
GONE = FileException(index=0, outcome="MISSING", error=LoadError(category="FILE_MISSING", message="It is gone."))


async def end_with(steps: Steps, exception: FileException) -> None:
    """Loads a lease of one file, which yields no rows."""
    lease = await steps.held()
    await steps.stage(lease, a_staging(0, exceptions=[exception]))
    await steps.complete(lease, 0)


async def test_rows_that_may_be_in_the_table_are_not_loaded_again_by_a_sweeping_retry(steps: Steps) -> None:
    stored, _ = await steps.offered([a_file(etag="e1")])
    doubt = LoadError(category="PUBLISH_IN_DOUBT", message="Main has rows of this lease already.")
    await steps.fail(await steps.held(), doubt)
    await steps.run_again(stored, [a_file(etag="e2")])
    assert await steps.states(stored) == ["FAILED", "SKIPPED"]
    (file, _) = await steps.files(stored)
    async with steps.database.transaction() as connection:
        assert await rulings.retry(connection, stored, file_ids=[], filter=EVERYTHING) == 0
        assert await rulings.retry(connection, stored, file_ids=[file.file_id], filter=EVERYTHING) == 1


async def test_a_file_retried_and_loaded_within_a_run_is_no_failure_of_it(steps: Steps) -> None:
    stored, run = await steps.offered(some_files(2), max_files=1)
    bad = FileException(index=0, outcome="FAILED", error=MALFORMED)
    lease = await steps.held()
    await steps.stage(lease, a_staging(0, exceptions=[bad]))
    await steps.complete(lease, 0)
    async with steps.database.transaction() as connection:
        assert await rulings.retry(connection, stored, file_ids=[], filter=EVERYTHING) == 1
    await steps.offer(stored, run)
    for _ in range(2):
        lease = await steps.held()
        await steps.stage(lease, a_staging(5))
        await steps.complete(lease)
    ended = await steps.run(run)
    assert (ended.state, ended.files_processed, ended.files_failed) == (RunState.SUCCEEDED, 2, 0)


async def test_a_version_that_was_gone_is_not_retried_when_an_earlier_one_turns_out_to_be_loaded(steps: Steps) -> None:
    stored, _ = await steps.offered([a_file(etag="e1")])
    await end_with(steps, BROKEN)
    await steps.run_again(stored, [a_file(etag="e2")])
    await end_with(steps, GONE)
    await steps.restore(stored, a_forgotten_lease([a_file(etag="e1")]))
    named = [file.file_id for file in await steps.files(stored)]
    async with steps.database.transaction() as connection:
        assert await rulings.retry(connection, stored, file_ids=named, filter=EVERYTHING) == 0
    assert await steps.states(stored) == ["PROCESSED", "MISSING"]


async def skip(steps: Steps, stored: StoredIngestion, *named: File, filter: Filter = EVERYTHING) -> int:
    async with steps.database.transaction() as connection:
        ids = [file.file_id for file in named]
        return await rulings.skip(connection, stored, file_ids=ids, filter=filter, message="It is a copy.")


async def retry(steps: Steps, stored: StoredIngestion, *named: File, skipped: bool = False) -> int:
    async with steps.database.transaction() as connection:
        ids = [file.file_id for file in named]
        return await rulings.retry(connection, stored, file_ids=ids, filter=EVERYTHING, skipped=skipped)


async def one_broken(steps: Steps) -> StoredIngestion:
    """An ingestion at rest, the only file of which is broken."""
    stored, _ = await steps.offered([a_file(etag="e1")])
    await end_with(steps, BROKEN)
    return stored


async def test_what_waits_or_did_not_load_is_ruled_out_and_nothing_else(steps: Steps) -> None:
    stored, run = await steps.offered(some_files(4), max_files=1)
    await end_with(steps, BROKEN)
    await end_with(steps, GONE)
    await steps.stage(await steps.held(), a_staging(5))
    async with steps.database.transaction() as connection:
        await listings.record_page(
            connection, ingestion_id=stored.ingestion_id, run_id=run.run_id, page=[a_file("z")], ordered=True
        )
    assert await skip(steps, stored) == 3
    assert sorted(await steps.states(stored)) == ["LEASED", "LEASED", "SKIPPED", "SKIPPED", "SKIPPED"]
    skipped = (await steps.files(stored))[-1]
    assert skipped.error and (skipped.error.category, skipped.error.message) == ("SKIPPED_BY_PERSON", "It is a copy.")
    ended = await steps.run(run)
    assert (ended.files_failed, ended.files_missing, ended.files_skipped) == (0, 0, 3)


async def test_a_run_ends_well_when_what_failed_in_it_is_ruled_out(steps: Steps) -> None:
    stored, run = await steps.offered(some_files(2), max_files=1)
    await end_with(steps, BROKEN)
    assert await skip(steps, stored) == 1
    lease = await steps.held()
    await steps.stage(lease, a_staging(5))
    await steps.complete(lease)
    ended = await steps.run(run)
    assert (ended.state, ended.files_processed, ended.files_skipped) == (RunState.SUCCEEDED, 1, 1)


async def test_a_filter_chooses_whom_to_rule_out(steps: Steps) -> None:
    stored, _ = await steps.offered(some_files(2), max_files=1)
    for _ in range(2):
        await end_with(steps, BROKEN)
    assert await skip(steps, stored, filter=Condition("uri", ":", "0001")) == 1
    assert await steps.states(stored) == ["FAILED", "SKIPPED"]


async def test_figures_of_a_run_at_rest_stay(steps: Steps) -> None:
    stored, run = await steps.offered([a_file()])
    await end_with(steps, BROKEN)
    await skip(steps, stored)
    ended = await steps.run(run)
    assert (ended.state, ended.files_failed, ended.files_skipped) == (RunState.FAILED, 1, 0)


async def test_what_a_person_ruled_out_does_not_come_back_by_itself(steps: Steps) -> None:
    stored = await one_broken(steps)
    await steps.run_again(stored, [a_file(etag="e2")])
    await end_with(steps, BROKEN)
    await skip(steps, stored)
    assert await steps.states(stored) == ["MISSING", "SKIPPED"]
    run = await steps.run_again(stored, [a_file(etag="e2")])
    assert await steps.states(stored) == ["MISSING", "SKIPPED"]
    await steps.finish(run)
    await steps.run_again(stored, [a_file(etag="e3")])
    assert await steps.states(stored) == ["MISSING", "MISSING", "LEASED"]


async def test_rows_that_may_be_in_the_table_are_not_ruled_out_even_by_name(steps: Steps) -> None:
    stored, _ = await steps.offered([a_file()])
    await steps.fail(await steps.held(), LoadError(category="PUBLISH_IN_DOUBT", message="Main has rows of it."))
    assert await skip(steps, stored, *await steps.files(stored)) == 0
    assert await steps.states(stored) == ["FAILED"]


async def test_what_a_person_ruled_out_is_retried_by_name_or_when_asked_for(steps: Steps) -> None:
    stored = await one_broken(steps)
    for ways in ("named", "asked for"):
        await skip(steps, stored)
        assert await retry(steps, stored) == 0
        named = await steps.files(stored) if ways == "named" else []
        assert await retry(steps, stored, *named, skipped=ways == "asked for") == 1
        assert await steps.states(stored) == ["PENDING"]
    await steps.run_again(stored, [a_file(etag="e1")])
    assert await steps.stage(await steps.held(), a_staging(5))


async def test_what_the_ingestion_ruled_out_is_not_retried_even_by_name(steps: Steps) -> None:
    stored, _ = await steps.offered([a_file(etag="e1")])
    lease = await steps.held()
    await steps.stage(lease, a_staging(5))
    await steps.complete(lease)
    await steps.run_again(stored, [a_file(etag="e2"), a_file("_x", unsupported="It is hidden.")])
    assert await retry(steps, stored, *await steps.files(stored), skipped=True) == 0
    assert await steps.states(stored) == ["PROCESSED", "SKIPPED", "SKIPPED"]


async def test_what_a_person_ruled_out_stays_so_when_an_earlier_version_turns_out_to_be_loaded(steps: Steps) -> None:
    stored = await one_broken(steps)
    await steps.run_again(stored, [a_file(etag="e2")])
    await end_with(steps, BROKEN)
    await skip(steps, stored)
    await steps.restore(stored, a_forgotten_lease([a_file(etag="e1")]))
    assert await retry(steps, stored, *await steps.files(stored)) == 0
    assert await steps.states(stored) == ["PROCESSED", "SKIPPED"]


async def test_an_earlier_version_does_not_load_because_a_later_one_is_ruled_out(steps: Steps) -> None:
    stored = await one_broken(steps)
    await steps.run_again(stored, [a_file(etag="e2")])
    await end_with(steps, BROKEN)
    await skip(steps, stored)
    earlier, _ = await steps.files(stored)
    assert await retry(steps, stored, earlier) == 0
