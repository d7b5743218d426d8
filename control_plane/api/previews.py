"""Has an executor look at the first files of an ingestion, and waits for what it saw."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from autoloader.v1 import ingestions_pb2 as pb

from control_plane.api.convert.preview import failed_preview
from control_plane.api.interceptors.interceptor import Context
from control_plane.domain.file import ListedFile
from control_plane.domain.ingestion import Ingestion
from control_plane.domain.lease import LeasedFile
from control_plane.domain.preview import FILES_DEFAULT, ROWS_DEFAULT, check_bounds
from control_plane.errors import ExecutorUnavailable, InvalidField, Overloaded, ShuttingDown
from control_plane.ledger import previews
from control_plane.ledger.database import Database
from control_plane.sources.look import first_files
from control_plane.sources.source import Source, SourceError
from control_plane.wake import Wakes

# Each holds a listing, and later a row of the ledger, for as long as its caller waits.
PREVIEWS_MAX = 8
# Within which an executor that is idle takes one, and one that is about to be.
TAKE_SECONDS = 20.0
POLL_SECONDS = 1.0
# For callers who do not say how long they wait, and the longest that a preview is kept for one who does.
WAIT_SECONDS, WAIT_SECONDS_MAX = 90.0, 3600.0


class Previewer:
    """Asks for previews, and waits for them; `take_seconds` is how long it waits for an executor to begin."""

    def __init__(
        self,
        *,
        database: Database,
        open_source: Callable[[Ingestion], Source],
        wakes: Wakes,
        stopping: asyncio.Event,
        take_seconds: float,
    ) -> None:
        self._database = database
        self._open_source = open_source
        self._wakes = wakes
        self._stopping = stopping
        self._take_seconds = take_seconds
        self._under_way = 0

    async def preview(self, request: pb.PreviewIngestionRequest, ingestion: Ingestion, context: Context) -> pb.Preview:
        """What an executor saw, or why the source cannot be listed. Raises ExecutorUnavailable."""
        if self._under_way >= PREVIEWS_MAX:
            raise Overloaded(f"{PREVIEWS_MAX} previews are under way, as many as are allowed; try again")
        self._under_way += 1
        try:
            files = await first_files(lambda: self._open_source(ingestion), request.file_count or FILES_DEFAULT)
            if not files:
                return pb.Preview()
            preview_id = await self._ask(ingestion, files, request.row_count or ROWS_DEFAULT, context)
            return pb.Preview.FromString(await self._answer(preview_id, ingestion.pool))
        except SourceError as error:
            return failed_preview(error.error)
        finally:
            self._under_way -= 1

    async def _ask(self, ingestion: Ingestion, files: list[ListedFile], row_count: int, context: Context) -> str:
        remaining = context.time_remaining()
        wait_seconds = WAIT_SECONDS if remaining is None else min(max(remaining, 0.0), WAIT_SECONDS_MAX)
        async with self._database.transaction() as connection:
            terms = await previews.terms_of(
                connection, ingestion, files=[_leased(file) for file in files], row_count=row_count
            )
            preview_id = await previews.ask(connection, terms, wait_seconds=wait_seconds)
        self._wakes.leases_offered.signal()
        return preview_id

    async def _answer(self, preview_id: str, pool: str) -> bytes:
        taken_by = time.monotonic() + self._take_seconds
        while True:
            async with self._database.transaction() as connection:
                state = await previews.look(connection, preview_id)
                if state.answer is not None:
                    await previews.forget(connection, preview_id)
                    return state.answer
            if state.is_overdue:
                raise await self._lost(preview_id, pool)
            if not state.is_taken and time.monotonic() >= taken_by and await self._withdrawn(preview_id):
                raise _not_taken(pool, self._take_seconds)
            if self._stopping.is_set():
                raise ShuttingDown("this server stops; ask for the preview again")
            await self._wakes.previews_answered.wait(POLL_SECONDS)

    async def _withdrawn(self, preview_id: str) -> bool:
        async with self._database.transaction() as connection:
            return await previews.withdraw(connection, preview_id)

    async def _lost(self, preview_id: str, pool: str) -> ExecutorUnavailable:
        async with self._database.transaction() as connection:
            await previews.forget(connection, preview_id)
        return ExecutorUnavailable(
            "The executor that read the files fell silent, and may have died of them; try again, with fewer files if it"
            " happens again. Nothing was written.",
            pool=pool,
        )


def refuse_bounds(request: pb.PreviewIngestionRequest) -> None:
    """Raises InvalidField for bounds that are out of range."""
    if violations := list(check_bounds(file_count=request.file_count, row_count=request.row_count)):
        raise InvalidField(*violations)


def _not_taken(pool: str, seconds: float) -> ExecutorUnavailable:
    return ExecutorUnavailable(
        f'No executor of pool "{pool}" took the preview within {seconds:g} seconds: none runs there, all are busy, or'
        " they are older than previews. Start or upgrade executors, or try again.",
        pool=pool,
    )


def _leased(file: ListedFile) -> LeasedFile:
    return LeasedFile(
        uri=file.uri, size_bytes=file.size_bytes, etag=file.etag, modification_time_ns=file.modification_time_ns
    )
