"""One PostgreSQL a session, a fresh ledger a test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from control_plane.ledger.database import Database
from tests.postgres import PostgresServer, running_postgres


@pytest.fixture(scope="session")
async def postgres_server() -> AsyncIterator[PostgresServer]:
    async with running_postgres() as server:
        yield server


@pytest.fixture
async def database_url(postgres_server: PostgresServer) -> AsyncIterator[str]:
    async with postgres_server.database() as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()
