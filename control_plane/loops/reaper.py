"""Takes back leases whose deadline passed.

Silence proves nothing right after this process, or PostgreSQL, was away: executors could not renew then. So the reaper
waits one full lease after its start, after a turn that failed and after a gap in its turns, before it trusts silence.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from control_plane.errors import LedgerUnavailable
from control_plane.failpoints import failpoint
from control_plane.ledger import clock as ledger_clock
from control_plane.ledger import leases, splits
from control_plane.ledger.database import Database
from control_plane.ledger.splits import LostSet
from control_plane.loops.loop import Loop

_log = structlog.get_logger()


class Reaper(Loop):
    """Reaps once a `poll_seconds`, when silence can be trusted. `clock` counts seconds and never goes back.

    `listing_seconds` and `rest_seconds` are the longest that a claim to list, and a wait for the next attempt, last.
    """

    def __init__(
        self,
        *,
        database: Database,
        lease_seconds: float,
        listing_seconds: float,
        rest_seconds: float,
        poll_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(poll_seconds=poll_seconds)
        self._database = database
        self._lease_seconds = lease_seconds
        self._listing_seconds = listing_seconds
        self._rest_seconds = rest_seconds
        self._clock = clock
        self._last_look = clock()
        self._ledger_ahead: float | None = None
        self._trusted_from = self._last_look + lease_seconds

    async def turn(self) -> bool:
        try:
            reaped, lost = await self._reap_if_trusted()
            reaped += await self._split(lost)
        except LedgerUnavailable:
            self._distrust()
            raise
        if reaped:
            _log.warning("leases_expired", leases=reaped)
        await self._give_up()
        return False

    async def _reap_if_trusted(self) -> tuple[int, list[LostSet]]:
        """How many leases it took back, and the sets that are to be split."""
        async with self._database.transaction() as connection:
            # What PostgreSQL calls now is the time of this first answer: a wait for it, as for one that was frozen,
            # lies before the deadlines are looked at, and shows as a gap.
            self._look(await ledger_clock.seconds(connection))
            await ledger_clock.mend_deadlines(
                connection,
                lease_seconds=self._lease_seconds,
                listing_seconds=self._listing_seconds,
                rest_seconds=self._rest_seconds,
            )
            if self._clock() < self._trusted_from:
                return 0, []
            reaped = await leases.reap(connection)
            if reaped:
                failpoint("reaper.after_reap")
            return reaped, await splits.lost_sets(connection)

    def _look(self, ledger_seconds: float) -> None:
        """Distrusts silence after a gap, and after a jump of the ledger's clock: to it, all had fallen silent."""
        now = self._clock()
        ahead = ledger_seconds - now
        gap = now - self._last_look > max(self._lease_seconds / 2, 2 * self._poll_seconds)
        jump = self._ledger_ahead is not None and abs(ahead - self._ledger_ahead) > self._lease_seconds / 2
        if gap or jump:
            self._distrust()
        self._last_look, self._ledger_ahead = now, ahead

    async def _split(self, lost: list[LostSet]) -> int:
        """Each set in a transaction of its own, since that locks a run; how many were still lost then."""
        count = 0
        for each in lost:
            with self.logged("splitting_failed", lease=each.holding.lease_id):
                async with self._database.transaction() as connection:
                    count += await splits.split_lost(connection, each, leases.EXECUTOR_LOST)
                    failpoint("reaper.after_split")
        return count

    async def _give_up(self) -> None:
        """Each run in a transaction of its own: one that cannot be given up keeps no other from it."""
        async with self._database.transaction() as connection:
            hopeless = await leases.hopeless_runs(connection)
        for run_id in hopeless:
            with self.logged("giving_up_failed", run=run_id):
                async with self._database.transaction() as connection:
                    await leases.give_up(connection, run_id)

    def _distrust(self) -> None:
        self._trusted_from = self._clock() + self._lease_seconds
