"""Takes back leases whose deadline passed.

Silence proves nothing right after this process, or PostgreSQL, was away: executors could not renew then. So the reaper
waits one full lease after its start, after a turn that failed and after a gap in its turns, before it trusts silence.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from control_plane.errors import LedgerUnavailable
from control_plane.ledger import leases
from control_plane.ledger.database import Database
from control_plane.loops.loop import Loop

_log = structlog.get_logger()


class Reaper(Loop):
    """Reaps once a `poll_seconds`, when silence can be trusted. `clock` counts seconds and never goes back."""

    def __init__(
        self,
        *,
        database: Database,
        lease_seconds: float,
        poll_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(poll_seconds=poll_seconds)
        self._database = database
        self._lease_seconds = lease_seconds
        self._clock = clock
        self._last_turn = clock()
        self._trusted_from = self._last_turn + lease_seconds

    async def turn(self) -> bool:
        try:
            reaped = await self._reap_if_trusted()
        except LedgerUnavailable:
            self._distrust()
            raise
        if reaped:
            _log.warning("leases_expired", leases=reaped)
        await self._give_up()
        return False

    async def _reap_if_trusted(self) -> int:
        if self._clock() - self._last_turn > max(self._lease_seconds / 2, 2 * self._poll_seconds):
            self._distrust()
        async with self._database.transaction() as connection:
            reaped = await leases.reap(connection) if self._clock() >= self._trusted_from else 0
        self._last_turn = self._clock()
        return reaped

    async def _give_up(self) -> None:
        """Each run in a transaction of its own: one that cannot be given up keeps no other from it."""
        async with self._database.transaction() as connection:
            hopeless = await leases.hopeless_runs(connection)
        for run_id in hopeless:
            with self.logged("giving_up_failed", run=run_id):
                async with self._database.transaction() as connection:
                    await leases.give_up(connection, run_id)

    def _distrust(self) -> None:
        self._last_turn = self._clock()
        self._trusted_from = self._last_turn + self._lease_seconds
