"""A person takes files up again, and nothing that is in the table, or may be, is loaded twice for it."""

from __future__ import annotations

from control_plane.domain.file import LoadError
from control_plane.domain.filter import EVERYTHING
from control_plane.domain.lease import FileException
from control_plane.domain.run import RunState
from control_plane.ledger import rulings
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
