"""E2E-01 and E2E-02: what lands is in the table after the next run, once, and is never loaded again."""

from __future__ import annotations

from pathlib import Path

from autoloader.v1 import files_pb2, runs_pb2

from tests.e2e.installation import Installation, add_executor
from tests.e2e.places import Bucket, Place
from tests.e2e.records import COLUMNS, content_of_file, ids_of_file
from tests.servers.moto_server import MotoServer

SUCCEEDED = runs_pb2.Run.STATE_SUCCEEDED
PROCESSED = files_pb2.File.STATE_PROCESSED


def put_files(place: Place, *numbers: int) -> None:
    for number in numbers:
        place.put(f"data-{number}.json", content_of_file(number))


async def test_three_files_are_in_the_table_after_one_run_and_are_not_loaded_again(
    installation: Installation, place: Place, table: str
) -> None:
    put_files(place, 0, 1, 2)
    ingestion = await installation.client.create(place.source, table=table)

    run = await installation.run(ingestion)

    assert not run.errors, str(run)
    assert (run.state, run.files_processed, run.records_written) == (SUCCEEDED, 3, 3000)
    assert (run.files_discovered, run.files_failed) == (3, 0)
    content = installation.lake.read(table)
    assert content is not None
    assert sorted(content.columns) == sorted(COLUMNS)
    assert content.holds_once(range(3000))
    summary = await installation.client.summary(ingestion)
    assert {state: (each.file_count, each.records_written) for state, each in summary.items()} == {PROCESSED: (3, 3000)}

    again = await installation.run(ingestion)

    assert (again.state, again.files_processed, again.records_written) == (SUCCEEDED, 0, 0)
    unchanged = installation.lake.read(table)
    assert unchanged is not None
    assert unchanged.snapshot_ids == content.snapshot_ids


async def test_of_five_files_the_second_run_loads_the_two_new_ones(
    installation: Installation, place: Place, table: str
) -> None:
    put_files(place, 0, 1, 2)
    ingestion = await installation.client.create(place.source, table=table)
    await installation.run(ingestion)
    first = await installation.client.list_files(ingestion)
    put_files(place, 3, 4)

    run = await installation.run(ingestion)

    assert (run.state, run.files_processed, run.records_written) == (SUCCEEDED, 2, 2000)
    await assert_that_five_files_are_there(installation, ingestion, table)
    files = await installation.client.list_files(ingestion)
    assert {name: files[name] for name in first} == first


async def test_what_was_loaded_is_known_after_both_services_were_killed(
    own_installation: Installation, moto: MotoServer, table: str, data_folder: Path
) -> None:
    installation = own_installation
    place = Bucket(moto, prefix="events/").make()
    put_files(place, 0, 1, 2)
    ingestion = await installation.client.create(place.source, table=table)
    executor = await add_executor(installation, data_folder=data_folder)
    await installation.run(ingestion)
    first = await installation.client.list_files(ingestion)
    put_files(place, 3, 4)

    for service in (installation.control_plane, executor):
        service.kill()
        await service.ended()
        await service.start()
    run = await installation.run(ingestion)

    assert (run.state, run.files_processed, run.records_written) == (SUCCEEDED, 2, 2000)
    await assert_that_five_files_are_there(installation, ingestion, table)
    files = await installation.client.list_files(ingestion)
    assert {name: files[name] for name in first} == first


async def assert_that_five_files_are_there(installation: Installation, ingestion: str, table: str) -> None:
    content = installation.lake.read(table)
    assert content is not None
    assert content.holds_once(*(ids_of_file(number) for number in range(5)))
    files = await installation.client.list_files(ingestion)
    assert {name: (file.state, file.records_written) for name, file in files.items()} == {
        f"data-{number}.json": (PROCESSED, 1000) for number in range(5)
    }
    assert {file.attempts for file in files.values()} == {1}, "some were not loaded at the first try"
    history = await installation.client.history(ingestion)
    assert [(run.files_processed, run.records_written) for run in history] == [(3, 3000), (2, 2000)]
