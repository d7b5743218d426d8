"""A control plane in this process, whose only way to its ledger is a proxy that fails when told to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import grpc
from pydantic import SecretStr

from control_plane.app import App
from control_plane.settings import Settings
from control_plane.vault import make_key
from tests.faults.postgres.play import Doors, Play
from tests.faults.postgres.proxy import Proxy, proxied
from tests.faults.postgres.seen import Seen, seen

# A lease that a test ends before it runs out; short, for a claim to list is given up no later than a lease.
UNHURRIED_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Scene:
    """The doors of the control plane, the wire behind it, and a folder to load from."""

    proxy: Proxy
    doors: Doors
    folder: Path
    lease_seconds: float

    def play(self) -> Play:
        play = Play(doors=self.doors, folder=self.folder)
        play.folder = self.folder / play.id
        return play

    async def seen(self, play: Play) -> Seen:
        async with self.ledger() as connection:
            return await seen(play, connection)

    @asynccontextmanager
    async def ledger(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection of the test's own, past the proxy."""
        connection = await asyncpg.connect(self.proxy.direct_url)
        try:
            yield connection
        finally:
            await connection.close()


@asynccontextmanager
async def serving(
    direct_url: str, folder: Path, *, lease_seconds: float, poll_seconds: float = 0.1
) -> AsyncIterator[Scene]:
    """A scene on a migrated database, until the block ends."""
    key = folder / "sealing.key"
    make_key(key)
    async with proxied(direct_url) as proxy:
        settings = Settings(
            database_url=SecretStr(proxy.url),
            sealing_key_file=key,
            listen="127.0.0.1:0",
            metrics_listen="off",
            allowed_local_folders=frozenset({folder}),
            lease_seconds=lease_seconds,
            poll_seconds=poll_seconds,
            retry_first_seconds=0.05,
            retry_longest_seconds=0.2,
            drain_seconds=1.0,
        )
        async with App(settings) as app, grpc.aio.insecure_channel(app.address) as channel:
            yield Scene(proxy, Doors(channel), folder, lease_seconds)
