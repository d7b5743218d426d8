"""What a listing page leads to: new files, known ones, changed versions, and those that came back."""

from __future__ import annotations

import pytest

from control_plane.domain.file import ListedFile
from control_plane.domain.lease import FileException
from control_plane.ledger import listings
from tests.control_plane.ledger.steps import AWAY, MALFORMED, Steps, a_file, a_staging, some_files


async def _load(steps: Steps) -> None:
    lease = await steps.held()
    assert await steps.stage(lease, a_staging(*(1 for _ in lease.files)))
    await steps.complete(lease)


async def test_a_file_is_recorded_once(steps: Steps) -> None:
    stored, run = await steps.offered(some_files(5))
    await _load(steps)
    again = await steps.run_again(stored, some_files(7))
    assert (await steps.run(run)).files_discovered == 5
    assert (await steps.run(again)).files_discovered == 2
    assert len(await steps.files(stored)) == 7


@pytest.mark.parametrize("ordered", [True, False])
async def test_known_files_are_found_by_range_and_by_name(steps: Steps, ordered: bool) -> None:
    stored, run = await steps.offered(some_files(50))
    async with steps.database.transaction() as connection:
        page = [*some_files(50)[::-1], a_file("9999.json")]
        new = await listings.record_page(
            connection, ingestion_id=stored.ingestion_id, run_id=run.run_id, page=page, ordered=ordered
        )
    assert new == 1


async def test_a_page_that_spans_many_known_files_is_looked_up_by_name(steps: Steps) -> None:
    stored, run = await steps.offered(some_files(1500))
    async with steps.database.transaction() as connection:
        page = [some_files(1500)[0], some_files(1500)[-1]]
        new = await listings.record_page(
            connection, ingestion_id=stored.ingestion_id, run_id=run.run_id, page=page, ordered=True
        )
    assert new == 0


async def test_names_compare_by_their_bytes(steps: Steps) -> None:
    names = ["a.json", "A.json", "é.json", "é.json", "a/b.json", "a b.json", "😀.json", "a\nb.json", "a[1].json"]
    stored = await steps.create()
    await steps.run_again(stored, [a_file(name) for name in names])
    await _load(steps)
    run = await steps.run_again(stored, [a_file(name) for name in names])
    assert (await steps.run(run)).files_discovered == 0
    assert {file.uri for file in await steps.files(stored)} == {f"s3://bucket/{name}" for name in names}


async def test_a_changed_version_of_a_loaded_file_is_shown_and_skipped(steps: Steps) -> None:
    stored, _ = await steps.offered([a_file(etag="e1")])
    await _load(steps)
    run = await steps.run_again(stored, [a_file(etag="e2")])
    assert await steps.states(stored) == ["PROCESSED", "SKIPPED"]
    skipped = (await steps.files(stored))[1]
    assert skipped.generation == 2 and skipped.error and skipped.error.category == "FILE_CHANGED"
    again = await steps.run_again(stored, [a_file(etag="e2")])
    assert [(await steps.run(each)).files_skipped for each in (run, again)] == [1, 0]
    await steps.run_again(stored, [a_file(etag="e1")])
    assert await steps.states(stored) == ["PROCESSED", "SKIPPED", "SKIPPED"]


async def test_without_an_etag_size_and_time_are_the_version(steps: Steps) -> None:
    stored, _ = await steps.offered([ListedFile("file:///a", 1, "", 5)])
    await _load(steps)
    same = await steps.run_again(stored, [ListedFile("file:///a", 1, "", 5)])
    other = await steps.run_again(stored, [ListedFile("file:///a", 1, "", 6)])
    assert [(await steps.run(each)).files_discovered for each in (same, other)] == [0, 1]


async def test_a_changed_version_of_a_file_that_never_loaded_takes_its_place(steps: Steps) -> None:
    stored, _ = await steps.offered([a_file(etag="e1")])
    lease = await steps.held()
    await steps.stage(lease, a_staging(0, exceptions=[FileException(index=0, outcome="FAILED", error=MALFORMED)]))
    await steps.complete(lease, 0)
    await steps.run_again(stored, [a_file(etag="e2")])
    assert await steps.states(stored) == ["MISSING", "LEASED"]
    await _load(steps)
    assert await steps.states(stored) == ["MISSING", "PROCESSED"]


async def test_a_file_that_was_gone_and_is_back_is_loaded(steps: Steps) -> None:
    stored, _ = await steps.offered([a_file()])
    lease = await steps.held()
    await steps.stage(lease, a_staging(0, exceptions=[FileException(index=0, outcome="MISSING", error=AWAY)]))
    await steps.complete(lease, 0)
    assert await steps.states(stored) == ["MISSING"]
    await steps.run_again(stored, [a_file()])
    await _load(steps)
    assert await steps.states(stored) == ["PROCESSED"]


async def test_a_name_that_cannot_be_read_is_skipped_with_the_rule(steps: Steps) -> None:
    stored, run = await steps.offered([a_file("_x.json", unsupported="Names that start with _ are hidden.")])
    (file,) = await steps.files(stored)
    assert file.state == "SKIPPED" and file.error and file.error.category == "NAME_UNSUPPORTED"
    assert (await steps.run(run)).state == "SUCCEEDED"


async def test_two_listers_of_one_run_record_a_file_once(steps: Steps) -> None:
    stored, run = await steps.offered([])
    for expected in (3, 0):
        async with steps.database.transaction() as connection:
            new = await listings.record_page(
                connection,
                ingestion_id=stored.ingestion_id,
                run_id=run.run_id,
                page=some_files(3),
                ordered=True,
            )
        assert new == expected
