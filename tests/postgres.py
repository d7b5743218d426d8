"""A PostgreSQL for the tests: one server a session, a fresh migrated database for whoever asks."""

from __future__ import annotations

import contextlib
import os
import tempfile
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from control_plane.embedded.postgres import run_postgres
from control_plane.ledger.migrate import migrate

OTHER_SERVER = "AUTOLOADER_TEST_POSTGRES_URL"


class PostgresServer:
    """A server in which databases can be made; `url` is that of a database that always exists."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._template = ""

    @contextlib.asynccontextmanager
    async def database(self, *, migrated: bool = True) -> AsyncIterator[str]:
        """The url of a fresh database, with the ledger's newest schema or empty, gone afterwards."""
        if migrated and not self._template:
            self._template = await self._create("template1")
            await migrate(self.url_of(self._template))
        name = await self._create(self._template if migrated else "template1")
        try:
            yield self.url_of(name)
        finally:
            await self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def url_of(self, database: str) -> str:
        return urlsplit(self.url)._replace(path=f"/{database}").geturl()

    async def _create(self, template: str) -> str:
        name = f"test_{uuid.uuid4().hex}"
        await self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def forget_template(self) -> None:
        """Leaves a server that is not ours as it was."""
        if self._template:
            await self._execute(f"DROP DATABASE {self._template}")


@contextlib.asynccontextmanager
async def running_postgres() -> AsyncIterator[PostgresServer]:
    """The server that the environment names, else the wheel's, on a folder of its own."""
    if url := os.environ.get(OTHER_SERVER):
        server = PostgresServer(url)
        yield server
        await server.forget_template()
        return
    with tempfile.TemporaryDirectory() as folder:
        async with run_postgres(Path(folder) / "postgres") as postgres:
            yield PostgresServer(postgres.url)
