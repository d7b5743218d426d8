"""Measures the ledger: first discovery, and detection of nothing new against many known files.

python -m tests.bench.ledger [--known 10000000] [--listed 1000000] [--new 400000]
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import statistics
import sys
import time
from collections.abc import AsyncGenerator, Callable, Iterator

from control_plane.domain.file import ListedFile
from control_plane.domain.format import Format, FormatKind
from control_plane.domain.ingestion import Destination, Ingestion, Source, StoredIngestion
from control_plane.domain.run import Trigger
from control_plane.ledger import ingestions, runs
from control_plane.ledger.database import Database
from control_plane.loops.discoverer import Discoverer
from control_plane.sources.source import ListingPage
from control_plane.wake import Wake
from tests.postgres import running_postgres

PAGE = 1_000
ROUNDS = 3
# 101 bytes, as long as paths of date-partitioned landing zones are.
URI = "s3://landing-bucket-of-some-company/events/year=2026/month=11/day=24/hour=20/part-{:020d}-c000.json"


class Listing:
    """A source that lists `count` files in byte order, in pages like those of S3."""

    ordered = True

    def __init__(self, count: int, *, first: int = 0) -> None:
        self._numbers = range(first, first + count)

    async def list(self) -> AsyncGenerator[ListingPage, None]:
        for start in range(0, len(self._numbers), PAGE):
            yield ListingPage(files=list(_files(self._numbers[start : start + PAGE])), objects_listed=PAGE, requests=1)


def _files(numbers: range) -> Iterator[ListedFile]:
    for number in numbers:
        yield ListedFile(URI.format(number), 1_000_000, f"{number:032x}", 1_764_000_000_000_000_000)


async def main(*, known: int, listed: int, new: int) -> None:
    async with running_postgres() as server, server.database() as url:
        database = Database(url)
        for round_number in range(ROUNDS):
            stored = await _create(database, f"new-{round_number}")
            seconds = await _discover(database, stored, Listing(new))
            _print("first discovery", new, seconds)
        stored = await _create(database, "known")
        await _remember(database, stored, known)
        rates = []
        for _ in range(ROUNDS):
            alone = await _drain(Listing(listed))
            seconds = await _discover(database, stored, Listing(listed, first=known // 2))
            rates.append(listed / (seconds - alone))
            _print(f"listed against {known:,} known, without making the listing up", listed, seconds - alone)
        print(f"detection, median of {ROUNDS}: {statistics.median(rates):,.0f} rows/s")
        print(f"largest resident size: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")
        await database.close()


async def _create(database: Database, name: str) -> StoredIngestion:
    ingestion = Ingestion(
        id=name, source=Source(uri="s3://b"), format=Format(kind=FormatKind.JSON), destination=Destination(table="a.b")
    )
    async with database.transaction() as connection:
        return await ingestions.create(connection, ingestion)


async def _remember(database: Database, stored: StoredIngestion, count: int) -> None:
    """Puts known files into the ledger as they would be after they were loaded."""
    async with database.transaction() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO files (ingestion_id, run_id, uri, generation, size_bytes, etag, modification_time_ns, state)"
            f" SELECT {stored.ingestion_id}, 1, '{URI.split('{')[0]}' || lpad(n::text, 20, '0') || '-c000.json', 1,"
            " 1000000, lpad(to_hex(n), 32, '0'), 1764000000000000000, 'PROCESSED'"
            f" FROM generate_series(0, {count - 1}) AS n"
        )
    async with database.transaction() as connection:
        await connection.exec_driver_sql("ANALYZE files")


async def _discover(database: Database, stored: StoredIngestion, source: Listing) -> float:
    """Seconds of a whole run of the discoverer."""
    async with database.transaction() as connection:
        run = await runs.open_run(connection, stored, trigger=Trigger.MANUAL)
    discoverer = Discoverer(
        database=database,
        open_source=_always(source),
        observe_seconds=lambda seconds: None,
        wake=Wake(),
        poll_seconds=60,
        claim_seconds=60,
    )
    began = time.perf_counter()
    await discoverer.turn()
    seconds = time.perf_counter() - began
    async with database.transaction() as connection:
        await connection.exec_driver_sql(f"UPDATE runs SET state = 'CANCELLED' WHERE run_id = {run.run_id}")
    return seconds


def _always(source: Listing) -> Callable[[Ingestion], Listing]:
    return lambda stored: source


async def _drain(source: Listing) -> float:
    """Seconds that it takes to make the listing up."""
    began = time.perf_counter()
    async for _ in source.list():
        pass
    return time.perf_counter() - began


def _print(what: str, files: int, seconds: float) -> None:
    print(f"{what}: {files:,} in {seconds:.2f} s = {files / seconds:,.0f} files/s", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--known", type=int, default=10_000_000)
    parser.add_argument("--listed", type=int, default=1_000_000)
    parser.add_argument("--new", type=int, default=400_000)
    sys.exit(asyncio.run(main(**vars(parser.parse_args()))))
