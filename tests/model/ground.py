"""An empty ledger on a server of its own, for tests that are not async themselves: Hypothesis calls them that way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncpg

from control_plane.domain.format import Format, FormatKind
from control_plane.domain.ingestion import (
    DEFAULT_TENANT,
    Destination,
    Ingestion,
    Source,
    StoredIngestion,
)
from control_plane.ledger import ingestions
from control_plane.ledger.database import Connection, Database
from tests.model.facts import LedgerFacts
from tests.model.observed import forget_everything, observe
from tests.postgres import running_postgres

Answer = TypeVar("Answer")
Work = Callable[[Connection], Awaitable[Answer]]
TENANT = DEFAULT_TENANT


@dataclass(frozen=True, slots=True)
class Ground:
    """A loop that runs while a call lasts, and a ledger that is made new again and again."""

    loop: asyncio.AbstractEventLoop
    database: Database
    eyes: asyncpg.Connection[asyncpg.Record]

    def run(self, coroutine: Coroutine[Any, Any, Answer]) -> Answer:
        return self.loop.run_until_complete(coroutine)

    async def renewed(self) -> StoredIngestion:
        """Forgets everything; returns the one ingestion that there is then."""
        ingestion = Ingestion(
            id="orders",
            source=Source(uri="s3://bucket"),
            format=Format(kind=FormatKind.JSON),
            destination=Destination(table="a.b"),
        )
        async with self.database.transaction() as connection:
            await forget_everything(connection)
            return await ingestions.create(connection, ingestion)

    async def seen(self) -> LedgerFacts:
        """The whole ledger, over a connection that does nothing else: it is looked at after every step."""
        return await observe(self.eyes)


@contextlib.contextmanager
def fresh_ground() -> Iterator[Ground]:
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        opening = _opened(loop)
        ground = loop.run_until_complete(opening.__aenter__())
        try:
            yield ground
        finally:
            loop.run_until_complete(opening.__aexit__(None, None, None))


@contextlib.asynccontextmanager
async def _opened(loop: asyncio.AbstractEventLoop) -> AsyncIterator[Ground]:
    async with running_postgres() as server, server.database() as url:
        database, eyes = Database(url), await asyncpg.connect(url)
        try:
            yield Ground(loop, database, eyes)
        finally:
            await eyes.close()
            await database.close()
