"""The connection to PostgreSQL: a pool, transactions, and the channel on which the ledger tells its news."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import structlog
from sqlalchemy import exc, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from control_plane.errors import LeaseFenced, LedgerUnavailable
from control_plane.failpoints import failpoint_of_operation

Connection = AsyncConnection

CHANNEL = "autoloader"
CONNECT_SECONDS = 10.0
COMMAND_SECONDS = 300.0
# What `fetch` and the news raise, which SQLAlchemy does not translate.
_DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError)
_log = structlog.get_logger()


class UnsafeServer(Exception):
    """PostgreSQL is set up so that a committed transaction could be lost."""


class Database:
    """A pool of connections to the ledger. `url` is `postgresql://user:password@host:port/database`."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self._engine = create_async_engine(
            make_url(url).set(drivername="postgresql+asyncpg"),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=CONNECT_SECONDS,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={
                "timeout": CONNECT_SECONDS,
                "command_timeout": COMMAND_SECONDS,
                # A control plane that loses its machine in mid-transaction must not keep its locks for hours.
                "server_settings": {
                    "idle_in_transaction_session_timeout": "60s",
                    "tcp_keepalives_idle": "30",
                    "tcp_keepalives_interval": "10",
                    "tcp_keepalives_count": "3",
                },
            },
        )

    async def close(self) -> None:
        """Closes every connection."""
        await self._engine.dispose()

    @contextlib.asynccontextmanager
    async def transaction(self, *, dry_run: bool = False) -> AsyncIterator[Connection]:
        """A transaction, committed at the end of the block; with `dry_run` it is rolled back instead.

        Raises LedgerUnavailable when PostgreSQL is away or goes away; the transaction is then whole or absent.
        """
        try:
            async with self._engine.connect() as connection, connection.begin() as transaction:
                try:
                    yield connection
                except LeaseFenced:
                    # Nothing was changed but the count of fenced calls, and that stays.
                    await transaction.commit()
                    raise
                if dry_run:
                    await transaction.rollback()
                failpoint_of_operation("before_commit")
            failpoint_of_operation("after_commit")
        except exc.TimeoutError as error:
            raise LedgerUnavailable("The ledger has no free connection now; try again.") from error
        except OSError as error:
            raise LedgerUnavailable("The ledger cannot be reached now; try again.") from error
        except (exc.DBAPIError, *_DRIVER_ERRORS) as error:
            if not _is_away(error):
                raise
            raise LedgerUnavailable("The ledger cannot be reached now; try again.") from error

    async def refuse_unsafe_server(self) -> None:
        """Raises UnsafeServer when the server may forget what it has committed."""
        async with self.transaction() as connection:
            for setting in ("fsync", "synchronous_commit"):
                value = (await connection.execute(text(f"SHOW {setting}"))).scalar_one()
                if value == "off":
                    raise UnsafeServer(
                        f"PostgreSQL runs with {setting}=off and may lose what it committed; set it to on."
                    )

    @contextlib.asynccontextmanager
    async def listening(self, hear: Callable[[str], None]) -> AsyncIterator[None]:
        """Calls `hear` with the news of every control plane until the block ends. A broken channel is opened anew."""
        task = asyncio.create_task(self._listen(hear), name="ledger-news")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _listen(self, hear: Callable[[str], None]) -> None:
        while True:
            try:
                await self._listen_until_broken(hear)
            except (exc.SQLAlchemyError, OSError, *_DRIVER_ERRORS) as error:
                _log.warning("ledger_news_broken", error=type(error).__name__)
            await asyncio.sleep(1)

    async def _listen_until_broken(self, hear: Callable[[str], None]) -> None:
        broken = asyncio.Event()
        async with self._engine.connect() as connection:
            driver = await _driver(connection)
            driver.add_termination_listener(lambda _: broken.set())
            await driver.add_listener(CHANNEL, lambda *news: hear(news[3]))
            try:
                await broken.wait()
            finally:
                await connection.invalidate()


async def fetch(connection: Connection, query: str, *arguments: Any) -> list[Any]:
    """Runs a query on the driver itself: rows are asyncpg Records, for results of many thousand rows."""
    return list(await (await _driver(connection)).fetch(query, *arguments))


async def _driver(connection: Connection) -> Any:
    return (await connection.get_raw_connection()).driver_connection


def _is_away(error: Exception) -> bool:
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    state = str(getattr(cause, "sqlstate", None) or "")
    # 08: connection; 57P: shutdown; 25P03: idled too long; 53: no resources; 40: a deadlock; none at all: cut off.
    told = state.startswith(("08", "57P", "25P03", "53", "40")) or not state
    return told or getattr(error, "connection_invalidated", False)
