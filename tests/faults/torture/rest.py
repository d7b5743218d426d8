"""Brings ingestions to rest once nothing disturbs them any more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable

from autoloader.v1 import files_pb2, runs_pb2

from tests.checker.findings import Finding, Invariant
from tests.faults.torture.calls import Calls
from tests.faults.torture.person import Person
from tests.faults.torture.user import Ingestion

# A slow machine may take long for all; what stands still for so long does not move any more.
STANDSTILL_SECONDS = 300.0
LOOK_SECONDS = 1.0
_MOVING = {files_pb2.File.STATE_PENDING, files_pb2.File.STATE_LEASED}


async def brought_to_rest(ingestions: Iterable[Ingestion], person: Person) -> list[Finding]:
    """Runs each until a run finds nothing left to do; those that do not come to rest are given up at a standstill."""
    coming = {asyncio.create_task(_rest(ingestion, person)): ingestion for ingestion in ingestions}
    try:
        await _until_standstill(coming, person.calls)
        restless = [ingestion for task, ingestion in coming.items() if not task.done()]
    finally:
        for task in coming:
            task.cancel()
        outcomes = await asyncio.gather(*coming, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
    return [Finding(Invariant.NOTHING_MOVES, f"{each.name} does not come to rest", (each.name,)) for each in restless]


async def _until_standstill(coming: Collection[asyncio.Task[None]], calls: Calls) -> None:
    """Returns when all are done, or when for long no lease was published."""
    published, moved_at = -1, time.monotonic()
    while not all(task.done() for task in coming) and time.monotonic() < moved_at + STANDSTILL_SECONDS:
        if len(calls.published) != published:
            published, moved_at = len(calls.published), time.monotonic()
        await asyncio.wait(coming, timeout=LOOK_SECONDS)


async def _rest(ingestion: Ingestion, person: Person) -> None:
    await ingestion.resume()
    while True:
        await person.resolve(ingestion)
        run = await ingestion.start() or await ingestion.last_run()
        if await _has_nothing_left(ingestion, await ingestion.rested(run)):
            return


async def _has_nothing_left(ingestion: Ingestion, run: runs_pb2.Run) -> bool:
    """Whether all files rest where they should; those that failed by no fault of theirs are taken up again."""
    files = await ingestion.files()
    failed = [file.name for file in files if _failed_by_others(ingestion, file)]
    if failed:
        await ingestion.retry(failed)
    did_nothing = not (run.files_discovered or run.files_processed or run.files_failed or run.files_missing)
    return (
        run.state == runs_pb2.Run.STATE_SUCCEEDED
        and did_nothing
        and not failed
        and not any(file.state in _MOVING for file in files)
    )


def _failed_by_others(ingestion: Ingestion, file: files_pb2.File) -> bool:
    if file.state != files_pb2.File.STATE_FAILED:
        return False
    versions = ingestion.landing.files[file.uri.rpartition("/")[2]].versions
    return any(version.size_bytes == file.size_bytes and not version.is_poison for version in versions)
