"""Forgets what has served its time: replies to repeated requests, and previews. Never the ledger's memory of a file."""

from __future__ import annotations

from control_plane.ledger import previews, requests
from control_plane.ledger.database import Database
from control_plane.loops.loop import Loop


class Pruner(Loop):
    """Prunes once a `poll_seconds`."""

    def __init__(self, *, database: Database, poll_seconds: float = 3600.0) -> None:
        super().__init__(poll_seconds=poll_seconds)
        self._database = database

    async def turn(self) -> bool:
        async with self._database.transaction() as connection:
            await requests.prune(connection)
            await previews.prune(connection)
        return False
