"""A ledger whose clock jumps: its `now()` is the test's own, found before PostgreSQL's, and off by what a row says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg

from control_plane.ledger.migrate import migrate
from tests.postgres import PostgresServer

CLOCK = """
CREATE TABLE clock (ahead interval NOT NULL);
INSERT INTO clock VALUES ('0');
CREATE FUNCTION now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT pg_catalog.now() + ahead FROM public.clock';
"""


@asynccontextmanager
async def ledger_with_its_own_clock(server: PostgresServer) -> AsyncIterator[str]:
    """The url of a migrated database; what the migrations say of `now()` means the same one."""
    async with server.database(migrated=False) as url:
        await execute(url, CLOCK)
        await execute(url, f"ALTER DATABASE {urlsplit(url).path[1:]} SET search_path = public, pg_catalog")
        await migrate(url)
        yield url


async def jump(url: str, *, hours: int) -> None:
    """Sets the ledger's clock, forward or back; between transactions, as PostgreSQL's `now()` stands still in one."""
    await execute(url, f"BEGIN; LOCK TABLE clock; UPDATE clock SET ahead = interval '{hours} hours'; COMMIT")


async def execute(url: str, statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()
