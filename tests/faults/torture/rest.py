"""Brings ingestions to rest once nothing disturbs them any more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from autoloader.v1 import files_pb2, runs_pb2

from tests.checker.findings import Finding, Invariant
from tests.faults.torture.person import Person
from tests.faults.torture.user import Ingestion

REST_SECONDS = 240.0
_MOVING = {files_pb2.File.STATE_PENDING, files_pb2.File.STATE_LEASED}


async def brought_to_rest(ingestions: Iterable[Ingestion], person: Person) -> list[Finding]:
    """Runs each until a run finds nothing left to do; those that do not come to rest."""
    found = await asyncio.gather(*(_rested(ingestion, person) for ingestion in ingestions))
    return [finding for finding in found if finding is not None]


async def _rested(ingestion: Ingestion, person: Person) -> Finding | None:
    last = ""
    try:
        async with asyncio.timeout(REST_SECONDS):
            await ingestion.resume()
            while True:
                await person.resolve(ingestion)
                last = await ingestion.start() or await ingestion.last_run()
                run = await ingestion.rested(last)
                if await _has_nothing_left(ingestion, run):
                    return None
    except TimeoutError:
        return Finding(Invariant.NOTHING_MOVES, f"{ingestion.name} does not come to rest", (last,))


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
