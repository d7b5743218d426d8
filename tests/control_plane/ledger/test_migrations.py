"""The migrations make what tables.py says, and two migrators do not hurt each other."""

from __future__ import annotations

import asyncio

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from control_plane.ledger.database import Database
from control_plane.ledger.migrate import migrate
from control_plane.ledger.tables import metadata
from tests.postgres import PostgresServer


async def test_the_migrations_make_the_tables(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        return list(compare_metadata(context, metadata))

    async with database.transaction() as connection:
        assert await connection.run_sync(differences) == []


async def test_two_migrators_at_once_both_succeed(postgres_server: PostgresServer) -> None:
    async with postgres_server.database(migrated=False) as url:
        await asyncio.gather(migrate(url), migrate(url))
        await migrate(url)
