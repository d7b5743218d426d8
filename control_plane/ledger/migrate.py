"""Brings a database to the ledger's newest schema, one migrator at a time."""

from __future__ import annotations

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection as SyncConnection
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from control_plane.ledger.database import Connection

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


class WrongSchema(Exception):
    """The database's schema is not the one that this version works with."""

    def __init__(self, found: str | None, needed: str | None) -> None:
        state = f"is at revision {found}" if found else "has no schema"
        super().__init__(f"The ledger {state}, this version needs {needed}: run `autoloader migrate`.")


async def refuse_wrong_schema(connection: Connection) -> None:
    """Raises WrongSchema unless the database was migrated to this version's schema."""
    needed = ScriptDirectory.from_config(configuration()).get_current_head()
    found = await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())
    if found != needed:
        raise WrongSchema(found, needed)


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
