"""A PostgreSQL of a test's own, which crashes when told to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from control_plane.embedded.postgres import EmbeddedPostgres, run_postgres


class Server:
    """A PostgreSQL of the test's own, to be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = AsyncExitStack()
        self.url = ""

    async def start(self) -> None:
        running: EmbeddedPostgres = await self._stack.enter_async_context(run_postgres(self._folder))
        self._process = running.process
        self.url = running.url

    async def crash(self) -> None:
        """Kills the postmaster; its children notice and end without a checkpoint."""
        self._process.kill()
        await self._stack.aclose()


@asynccontextmanager
async def own_server(folder: Path) -> AsyncIterator[Server]:
    server = Server(folder)
    await server.start()
    try:
        yield server
    finally:
        await server.crash()
