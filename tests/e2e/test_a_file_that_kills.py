"""E2E-03: one file that ends whoever reads it is alone in the end, and FAILED; all others are in the table, once."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from autoloader.v1 import errors_pb2, files_pb2, ingestions_pb2, runs_pb2

from tests.checker.checker import assert_no_findings, check, check_logs
from tests.checker.manifest import Expectation, Workload, a_file, by_ids
from tests.e2e.installation import Installation, add_executor
from tests.e2e.places import Folder
from tests.e2e.records import content_of_file, ids_of_file, record
from tests.e2e.services import Executor

pytestmark = [pytest.mark.wide, pytest.mark.timeout(900)]

FILES = 40
RECORDS = 10
DEADLY = "data-17-deadly.json.gz"
ATTEMPTS = 3
RUN_SECONDS = 600.0
PAUSE_SECONDS = 0.5
LOOK_SECONDS = 0.05
HEAP = "640m"
# The look for new fields would refuse the deadly record before it kills anybody.
UNCHECKED = ingestions_pb2.SchemaPolicy(schema_check=ingestions_pb2.SchemaPolicy.SCHEMA_CHECK_OFF)


def _one_record_larger_than_the_heap() -> bytes:
    """A line is read as a whole."""
    return gzip.compress(b'{"id": 1, "user_id": "' + b"a" * (1 << 30) + b'"}\n', compresslevel=1)


def _seconds_of_reading() -> bytes:
    return gzip.compress(b'{"id": 1}\n' * 20_000_000, compresslevel=1)


@dataclass(frozen=True, slots=True)
class Story:
    """Forty good files and a deadly one, on their way into a table."""

    installation: Installation
    folder: Folder
    table: str
    ingestion: str

    async def rested(self) -> runs_pb2.Run:
        run = await self.installation.client.start_run(self.ingestion)
        async with asyncio.timeout(RUN_SECONDS):
            while True:
                seen = await self.installation.client.runs.GetRun(runs_pb2.GetRunRequest(name=run))
                if seen.HasField("end_time"):
                    return seen
                await asyncio.sleep(PAUSE_SECONDS)

    async def ends_with_all_but_one(self) -> files_pb2.File:
        """Whether a run ends with the good files in the table, once, and the deadly one FAILED, which is returned."""
        run = await self.rested()
        assert (run.state, run.files_processed, run.files_failed) == (runs_pb2.Run.STATE_PARTIALLY_SUCCEEDED, FILES, 1)
        content = self.installation.lake.read(self.table)
        assert content is not None
        assert content.holds_once(*map(_ids, range(FILES)))
        client = self.installation.client
        assert_no_findings(await check(client, self.ingestion, table=content.table, workload=_workload()))
        deadly = (await client.list_files(self.ingestion))[DEADLY]
        assert (deadly.state, deadly.attempts) == (files_pb2.File.STATE_FAILED, ATTEMPTS)
        assert (deadly.error.category, deadly.error.retryable) == (errors_pb2.ERROR_CATEGORY_FILE_POISONOUS, False)
        assert "RetryFiles" in deadly.error.message
        return deadly

    async def leaves_it_at_that(self) -> bool:
        """Whether the next run does not touch the deadly file."""
        again = await self.rested()
        return (again.state, again.files_processed) == (runs_pb2.Run.STATE_SUCCEEDED, 0)


async def test_a_record_larger_than_the_memory_fails_alone_and_forty_files_load(
    own_installation: Installation, table: str, data_folder: Path
) -> None:
    story = await _told(own_installation, table, _one_record_larger_than_the_heap())
    conf = own_installation.lake.spark_conf() | {"spark.driver.memory": HEAP}
    executor = await add_executor(own_installation, data_folder=data_folder, spark_conf=conf, leases_at_once="3")

    deadly = await story.ends_with_all_but_one()

    assert "Spark ended" in deadly.error.cause
    assert executor.events.count("spark_died") == ATTEMPTS
    assert_no_findings(check_logs(executor.log_lines(), allowed_errors={"spark_died"}))
    assert await story.leaves_it_at_that()
    assert executor.events.count("spark_died") == ATTEMPTS


async def test_a_file_whose_readers_are_killed_fails_alone_and_forty_files_load(
    own_installation: Installation, table: str, data_folder: Path
) -> None:
    story = await _told(own_installation, table, _seconds_of_reading())
    executor = await add_executor(own_installation, data_folder=data_folder)

    async with _killed_when_it_reads(executor, DEADLY) as deaths:
        deadly = await story.ends_with_all_but_one()
        assert await story.leaves_it_at_that()

    assert "fell silent" in deadly.error.cause
    assert len(deaths) == ATTEMPTS


async def _told(installation: Installation, table: str, deadly: bytes) -> Story:
    place = Folder(installation.folder / table)
    for number in range(FILES):
        place.put(f"data-{number:02}.json", content_of_file(number, records=RECORDS))
    place.put(DEADLY, deadly)
    ingestion = await installation.client.create(place.source, table=table, schema=UNCHECKED)
    return Story(installation, place, table, ingestion)


def _ids(number: int) -> range:
    return ids_of_file(number, records=RECORDS)


def _workload() -> Workload:
    names = {f"data-{number:02}.json": _ids(number) for number in range(FILES)}
    good = [a_file(name, map(record, ids)) for name, ids in names.items()]
    return Workload(files=(*good, a_file(DEADLY, [], expectation=Expectation.FAILED)), owner_of=by_ids(names))


@asynccontextmanager
async def _killed_when_it_reads(executor: Executor, name: str) -> AsyncIterator[list[int]]:
    """Kills the executor, Spark and all, whenever it has a file of that name open, and starts it again; who died."""
    deaths: list[int] = []

    async def lie_in_wait() -> None:
        while True:
            if _reads(executor.process_id, name):
                deaths.append(executor.process_id)
                executor.kill()
                await executor.ended()
                await executor.start()
            await asyncio.sleep(LOOK_SECONDS)

    waiting = asyncio.create_task(lie_in_wait())
    try:
        yield deaths
    finally:
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting


def _reads(group: int, name: str) -> bool:
    """Whether a process of the group has a file of that name open."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.getpgid(int(process.name)) == group and any(
                os.readlink(each).endswith(name) for each in (process / "fd").iterdir()
            ):
                return True
    return False
