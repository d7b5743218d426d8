"""The pool and its transactions when callers are cancelled and PostgreSQL goes away."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from control_plane.errors import LedgerUnavailable
from control_plane.ledger.database import Database


async def test_a_cancelled_caller_gives_its_connection_back(database_url: str) -> None:
    database = Database(database_url, pool_size=1)

    async def slow() -> None:
        async with database.transaction() as connection:
            await connection.execute(text("SELECT pg_sleep(30)"))

    for _ in range(3):
        task = asyncio.create_task(slow())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with asyncio.timeout(5), database.transaction() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
    await database.close()


async def test_a_dry_run_leaves_nothing_behind(database: Database) -> None:
    async with database.transaction(dry_run=True) as connection:
        await connection.execute(text("INSERT INTO secrets VALUES ('x', '')"))
    async with database.transaction() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM secrets")) == 0


async def test_a_backend_that_is_terminated_is_told_as_unavailable_and_replaced(database: Database) -> None:
    with pytest.raises(LedgerUnavailable):
        async with database.transaction() as connection:
            await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    async with database.transaction() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1


async def test_a_server_that_is_not_there_is_told_as_unavailable() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(LedgerUnavailable):
        async with database.transaction():
            pass
    await database.close()


async def test_news_reach_every_listener_also_after_the_channel_broke(database: Database) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def told() -> str:
        while True:
            async with database.transaction() as connection:
                await connection.execute(text("SELECT pg_notify('autoloader', 'runs_opened')"))
            try:
                return await asyncio.wait_for(heard.get(), 0.2)
            except TimeoutError:
                continue

    async with asyncio.timeout(20), database.listening(heard.put_nowait):
        assert await told() == "runs_opened"
        async with database.transaction() as connection:
            await connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE query LIKE 'LISTEN%' AND datname = current_database()"
                )
            )
        while not heard.empty():
            heard.get_nowait()
        assert await told() == "runs_opened"
