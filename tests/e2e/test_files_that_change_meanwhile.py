"""E2E-03: what is deleted or overwritten between listing and reading is told, and never loaded as it was listed."""

from __future__ import annotations

import asyncio

from autoloader.v1 import errors_pb2, files_pb2, runs_pb2

from tests.e2e.installation import Installation
from tests.e2e.places import Bucket
from tests.e2e.records import content_of_file
from tests.e2e.services import Executor
from tests.e2e.test_errors_can_be_acted_on import NO_ERROR, PROCESSED, holds, told
from tests.servers.moto_server import MotoServer

Run = runs_pb2.Run
Category = errors_pb2.ErrorCategory
MISSING, LEASED = files_pb2.File.STATE_MISSING, files_pb2.File.STATE_LEASED


async def test_files_that_change_between_listing_and_reading_are_never_loaded_as_they_were_listed(
    installation: Installation, moto: MotoServer, table: str
) -> None:
    place = Bucket(moto).make()
    for number in range(4):
        place.put(f"data-{number}.json", content_of_file(number))
    ingestion = await installation.client.create(place.source, table=table)
    (executor,) = (service for service in installation.services if isinstance(service, Executor))

    executor.freeze()
    try:
        started = await installation.client.start_run(ingestion)
        await until_all_are_leased(installation, ingestion, files=4)
        place.remove("data-1.json")
        place.put("data-2.json", content_of_file(7))
        place.put("data-3.json", b"")
    finally:
        executor.thaw()
    run = await installation.rested(started)

    assert (run.state, run.files_processed, run.files_missing) == (Run.STATE_SUCCEEDED, 1, 3)
    assert run.records_written == 1000
    assert await told(installation, ingestion) == {
        "data-0.json": (PROCESSED, NO_ERROR),
        "data-1.json": (MISSING, Category.ERROR_CATEGORY_FILE_MISSING),
        "data-2.json": (MISSING, Category.ERROR_CATEGORY_FILE_CHANGED),
        "data-3.json": (MISSING, Category.ERROR_CATEGORY_FILE_CHANGED),
    }

    run = await installation.run(ingestion)

    assert (run.state, run.files_processed, run.records_written) == (Run.STATE_SUCCEEDED, 2, 1000)
    assert await holds(installation, table, range(1000), range(7000, 8000))


async def until_all_are_leased(installation: Installation, ingestion: str, *, files: int) -> None:
    async with asyncio.timeout(30):
        while True:
            states = [state for state, _ in (await told(installation, ingestion)).values()]
            if states == [LEASED] * files:
                return
            await asyncio.sleep(0.05)
