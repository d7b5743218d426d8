"""Lists the source of a run and records the files that the ledger has not seen.

Pages stream from the source into the ledger; what is held is a page or two. Listing twice is harmless, so a lister that
falls silent is replaced, and a listing that fails half-way begins again from the start.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Callable

import structlog

from control_plane.domain.backoff import backoff_seconds
from control_plane.domain.file import ListedFile, LoadError
from control_plane.domain.ingestion import Ingestion
from control_plane.errors import LedgerUnavailable
from control_plane.failpoints import failpoint
from control_plane.ledger import files, ingestions, listing_claims, listings
from control_plane.ledger.database import Connection, Database
from control_plane.ledger.listing_claims import Listing, ListingLost
from control_plane.loops.loop import Loop
from control_plane.sources.source import ListingPage, Source, SourceError, load_error_of
from control_plane.wake import Wake

# Listing pages are joined to this many files before they are held against the ledger.
BATCH_FILES = 10_000
LISTING_ATTEMPTS = 4
_log = structlog.get_logger()


class Discoverer(Loop):
    """Lists one run at a time; an app runs several of them."""

    def __init__(
        self,
        *,
        database: Database,
        open_source: Callable[[Ingestion], Source],
        observe_seconds: Callable[[float], None],
        wake: Wake,
        poll_seconds: float,
        claim_seconds: float,
        retry_seconds: float = 1.0,
    ) -> None:
        super().__init__(poll_seconds=poll_seconds, wake=wake)
        self._database = database
        self._open_source = open_source
        self._observe_seconds = observe_seconds
        self._claim_seconds = claim_seconds
        self._retry_seconds = retry_seconds

    async def turn(self) -> bool:
        listing = await self._claim()
        if listing is None:
            return False
        began = time.monotonic()
        try:
            async with self._kept(listing):
                error = await self._list_with_retries(listing)
            await self._end(listing, error)
        except ListingLost:
            _log.info("listing_lost", run=listing.run_id)
        except BaseException:
            await self._give_back(listing)
            raise
        self._observe_seconds(time.monotonic() - began)
        return True

    async def _claim(self) -> Listing | None:
        async with self._database.transaction() as connection:
            listing = await listing_claims.start_run(
                connection, lister=str(uuid.uuid4()), claim_seconds=self._claim_seconds
            )
            if listing:
                await files.retake(connection, ingestion_id=listing.ingestion_id, run_id=listing.run_id)
            return listing

    async def _list_with_retries(self, listing: Listing) -> LoadError | None:
        """Lists the source to its end; returns the error that it ends with when it cannot be listed."""
        async with self._database.transaction() as connection:
            stored = await ingestions.get_by_key(connection, listing.ingestion_id)
        for attempt in range(1, LISTING_ATTEMPTS + 1):
            try:
                await self._list(listing, self._open_source(stored.ingestion))
                return None
            except (ListingLost, LedgerUnavailable):
                raise
            except Exception as failure:
                error = load_error_of(failure)
                _log.warning(
                    "listing_failed",
                    run=listing.run_id,
                    category=error.category,
                    attempt=attempt,
                    exc_info=not isinstance(failure, SourceError),
                )
            if not error.retryable:
                break
            await asyncio.sleep(backoff_seconds(attempt, first=self._retry_seconds, longest=30))
        return error

    async def _list(self, listing: Listing, source: Source) -> None:
        async with contextlib.aclosing(source.list()) as pages:
            await self._record(listing, source, _batches(pages))

    async def _record(self, listing: Listing, source: Source, batches: AsyncIterator[ListingPage]) -> None:
        async for page in batches:
            async with self._database.transaction() as connection:
                await self._keep_in(connection, listing, requests=page.requests, objects=page.objects_listed)
                await listings.record_page(
                    connection,
                    ingestion_id=listing.ingestion_id,
                    run_id=listing.run_id,
                    page=page.files,
                    ordered=source.ordered,
                )
                failpoint("discoverer.after_record")
            failpoint("discoverer.between_pages")

    @contextlib.asynccontextmanager
    async def _kept(self, listing: Listing) -> AsyncIterator[None]:
        """Keeps the claim alive by time: a page may take longer, and most objects may match nothing."""
        keeping = asyncio.create_task(self._keep_on(listing))
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def _keep_on(self, listing: Listing) -> None:
        while True:
            await asyncio.sleep(self._claim_seconds / 3)
            # A claim that is lost is noticed by whoever records the next page.
            with contextlib.suppress(LedgerUnavailable):
                await self._keep(listing)

    async def _give_back(self, listing: Listing) -> None:
        """Best effort: a claim that cannot be given back runs out."""
        with contextlib.suppress(Exception):
            async with self._database.transaction() as connection:
                await listing_claims.release_listing(connection, listing)

    async def _keep(self, listing: Listing) -> None:
        async with self._database.transaction() as connection:
            await self._keep_in(connection, listing, requests=0, objects=0)

    async def _keep_in(self, connection: Connection, listing: Listing, *, requests: int, objects: int) -> None:
        await listing_claims.keep_listing(
            connection, listing, claim_seconds=self._claim_seconds, requests=requests, objects=objects
        )

    async def _end(self, listing: Listing, error: LoadError | None) -> None:
        async with self._database.transaction() as connection:
            await listing_claims.end_listing(connection, listing, error=error)


async def _batches(pages: AsyncIterator[ListingPage]) -> AsyncIterator[ListingPage]:
    """Joins pages until they have BATCH_FILES files."""
    gathered: list[ListedFile] = []
    objects = requests = 0
    async for page in pages:
        gathered.extend(page.files)
        objects += page.objects_listed
        requests += page.requests
        if len(gathered) >= BATCH_FILES:
            yield ListingPage(files=gathered, objects_listed=objects, requests=requests)
            gathered, objects, requests = [], 0, 0
    yield ListingPage(files=gathered, objects_listed=objects, requests=requests)
