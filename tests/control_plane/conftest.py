"""One PostgreSQL a session, a fresh ledger a test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from control_plane.ledger.database import Database
from tests.e2e.installation import jars_folder
from tests.postgres import PostgresServer, running_postgres


@pytest.fixture(autouse=True)
def shared_jars(monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config) -> None:
    """Machines that tests start bring no jars of their own."""
    monkeypatch.setenv("AUTOLOADER_EXECUTOR_DATA_FOLDER", str(jars_folder(pytestconfig)))


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
