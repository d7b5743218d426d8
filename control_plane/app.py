"""The composition root: builds every object once, starts them in order, and stops them in the opposite one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType

from prometheus_client import CollectorRegistry

from control_plane.api.exposition import Exposition
from control_plane.api.server import Server, Services
from control_plane.domain.figures import Figures
from control_plane.domain.rules import Rules
from control_plane.ledger import figures, secrets
from control_plane.ledger.database import Database
from control_plane.ledger.leases import Backoff
from control_plane.ledger.migrate import refuse_wrong_schema
from control_plane.loops.discoverer import Discoverer
from control_plane.loops.loop import Loop
from control_plane.loops.open_source import SourceOpener
from control_plane.loops.planner import Planner
from control_plane.loops.pruner import Pruner
from control_plane.loops.reaper import Reaper
from control_plane.metrics import Metrics
from control_plane.settings import Settings
from control_plane.vault import Vault, load_key
from control_plane.wake import Wakes

# One slow store must not keep the others waiting.
LISTINGS_AT_ONCE = 4
# A lister says that it lives three times as often; one that is silent for so long has died.
LISTING_CLAIM_SECONDS_MAX = 30.0


class App:
    """The control plane, from `async with App(settings)` to the block's end.

    The ledger must be migrated. `address` and `metrics_address` are those bound; the latter is empty when it is off.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = contextlib.AsyncExitStack()
        self.address = ""
        self.metrics_address = ""

    async def __aenter__(self) -> App:
        async with contextlib.AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _start(self, stack: contextlib.AsyncExitStack) -> None:
        settings = self._settings
        vault = Vault(load_key(settings.sealing_key_file))
        wakes = Wakes()
        metrics = Metrics(CollectorRegistry())
        database = Database(settings.database_url.get_secret_value(), pool_size=settings.database_connections)
        stack.push_async_callback(database.close)
        await database.refuse_unsafe_server()
        async with database.transaction() as connection:
            await refuse_wrong_schema(connection)
        await stack.enter_async_context(database.listening(news_for(wakes, metrics)))
        opener = SourceOpener(
            vault=vault,
            allowed_environment=settings.allowed_environment,
            allowed_files=settings.allowed_credential_files,
        )
        await stack.enter_async_context(_running(self._loops(database, opener, wakes, metrics)))
        if settings.metrics_listen != "off":
            exposition = Exposition(settings.metrics_listen, metrics=metrics, read=_figures_of(database))
            stack.push_async_callback(exposition.stop)
            self.metrics_address = await exposition.start()
        services = await self._services(database, vault, opener, wakes)
        server = Server(settings.listen, services=services, metrics=metrics)
        stack.push_async_callback(server.stop, settings.drain_seconds)
        self.address = await server.start()

    async def _services(self, database: Database, vault: Vault, opener: SourceOpener, wakes: Wakes) -> Services:
        settings = self._settings
        async with database.transaction() as connection:
            page_token_key = await secrets.page_token_key(connection)
        return Services(
            database=database,
            vault=vault,
            open_source=opener.open,
            rules=Rules(
                local_folders=tuple(str(folder) for folder in settings.allowed_local_folders),
                loopback_endpoints_allowed=settings.allow_loopback_endpoints,
                environment_variables=settings.allowed_environment,
                credential_files=frozenset(str(path) for path in settings.allowed_credential_files),
            ),
            wakes=wakes,
            page_token_key=page_token_key,
            lease_seconds=settings.lease_seconds,
            backoff=Backoff(first_seconds=settings.retry_first_seconds, longest_seconds=settings.retry_longest_seconds),
        )

    def _loops(self, database: Database, opener: SourceOpener, wakes: Wakes, metrics: Metrics) -> list[Loop]:
        settings = self._settings
        listing_seconds = min(settings.lease_seconds, LISTING_CLAIM_SECONDS_MAX)
        discoverers = [
            Discoverer(
                database=database,
                open_source=opener.open,
                observe_seconds=metrics.listing_seconds.observe,
                wake=wakes.runs_opened,
                poll_seconds=settings.poll_seconds,
                claim_seconds=listing_seconds,
            )
            for _ in range(LISTINGS_AT_ONCE)
        ]
        return [
            *discoverers,
            Planner(database=database, wake=wakes.files_recorded, poll_seconds=settings.poll_seconds),
            Reaper(
                database=database,
                lease_seconds=settings.lease_seconds,
                listing_seconds=listing_seconds,
                rest_seconds=settings.retry_longest_seconds,
                poll_seconds=settings.poll_seconds,
            ),
            Pruner(database=database),
        ]


def news_for(wakes: Wakes, metrics: Metrics) -> Callable[[str], None]:
    """Hears what any control plane of this ledger tells: wakes those whom it concerns, and counts runs that ended."""
    waiting = {
        "runs_opened": [wakes.runs_opened],
        "files_recorded": [wakes.files_recorded, wakes.runs_changed],
        "leases_offered": [wakes.leases_offered],
        "runs_changed": [wakes.runs_changed],
        "previews_answered": [wakes.previews_answered],
    }

    def hear(news: str) -> None:
        name, _, milliseconds = news.partition(" ")
        for wake in waiting.get(name, ()):
            wake.signal()
        if milliseconds:
            wakes.runs_ended.signal()
            metrics.run_seconds.observe(int(milliseconds) / 1000)

    return hear


def _figures_of(database: Database) -> Callable[[], Awaitable[Figures]]:
    async def read() -> Figures:
        async with database.transaction() as connection:
            return await figures.read(connection)

    return read


@contextlib.asynccontextmanager
async def _running(loops: list[Loop]) -> AsyncIterator[None]:
    """Runs the loops until the block ends."""
    tasks = [asyncio.create_task(loop.run(), name=type(loop).__name__) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
