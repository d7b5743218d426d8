"""The migrations make what tables.py says, and two migrators do not hurt each other."""

from __future__ import annotations

import asyncio

import asyncpg
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


async def test_columns_that_were_declared_become_the_newest_version(postgres_server: PostgresServer) -> None:
    async with postgres_server.database(migrated=False) as url:
        await migrate(url, "0002")
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(
                "INSERT INTO ingestions (tenant, id, display_name, labels, state, pool, config) VALUES"
                " ('default', 'declared', '', '{}', 'ACTIVE', 'default',"
                """  '{"columns": [{"name": "a", "type": "int"}]}'),"""
                """ ('default', 'inferred', '', '{}', 'ACTIVE', 'default', '{"columns": []}');"""
                "INSERT INTO schema_versions (ingestion_id, version, columns) VALUES (1, 1, '[1]'), (2, 1, '[2]')"
            )
            await migrate(url)
            rows = await connection.fetch(
                "SELECT ingestion_id, version, columns, origin FROM schema_versions ORDER BY 1, 2"
            )
        finally:
            await connection.close()
    assert [tuple(row) for row in rows] == [
        (1, 1, "[1]", "INFERRED"),
        (1, 2, '[{"name": "a", "type": "int"}]', "DECLARED"),
        (2, 1, "[2]", "INFERRED"),
    ]
