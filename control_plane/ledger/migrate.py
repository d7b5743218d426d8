"""Brings a database to the ledger's newest schema, one migrator at a time."""

from __future__ import annotations

from importlib.resources import files

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection as SyncConnection
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

# Any number that nobody else uses as an advisory lock of this database.
LOCK = 0x6175746F6C6F6164


async def migrate(url: str, revision: str = "head") -> None:
    """Migrates up to `revision` under a session advisory lock; a second migrator waits, then finds nothing to do."""
    engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"), poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
        await connection.commit()
        await connection.run_sync(_upgrade, revision)
        await connection.commit()
    await engine.dispose()


def configuration() -> Config:
    """Alembic's configuration, with the migrations of this package."""
    config = Config()
    location = files("control_plane.ledger").joinpath("migrations")
    config.set_main_option("script_location", str(location))
    return config


def _upgrade(connection: SyncConnection, revision: str) -> None:
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
