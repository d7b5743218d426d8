"""Packs recorded files into leases, and brings runs to rest that have nothing left to do."""

from __future__ import annotations

from control_plane.domain.ingestion import StoredIngestion
from control_plane.domain.isolation import isolate
from control_plane.domain.packing import DEFAULT_MAX_BYTES, DEFAULT_MAX_FILES, Packable
from control_plane.failpoints import failpoint
from control_plane.ledger import files, ingestions, leases, runs, splits
from control_plane.ledger.database import Connection, Database
from control_plane.ledger.runs import Planning
from control_plane.loops.loop import Loop
from control_plane.wake import Wake

DEFAULT_MAX_ATTEMPTS = 3
BATCH_FILES = 50_000
RUNS_A_TURN = 1_000


class Planner(Loop):
    """Plans every run that is under way. While a run is still listed, only full sets are offered."""

    def __init__(self, *, database: Database, wake: Wake, poll_seconds: float) -> None:
        super().__init__(poll_seconds=poll_seconds, wake=wake)
        self._database = database

    async def turn(self) -> bool:
        async with self._database.transaction() as connection:
            active = await runs.active(connection, limit=RUNS_A_TURN)
        more = False
        for run_id in active:
            with self.logged("planning_failed", run=run_id):
                more |= await self._plan(run_id)
        return more

    async def _plan(self, run_id: int) -> bool:
        """Offers what waits, or finishes the run; True when more waits than one batch takes."""
        async with self._database.transaction() as connection:
            planning = await runs.lock_for_planning(connection, run_id)
            if planning is None:
                return False
            if await splits.stop_dying(connection, run_id):
                await leases.abandon(connection, run_id)
                return False
            waiting: list[Packable] = []
            if not planning.stopped:
                waiting = await files.pending(connection, planning.ingestion_id, limit=BATCH_FILES)
            more = len(waiting) == BATCH_FILES
            await self._offer(connection, planning, waiting, more=more)
            await runs.finish_run(connection, run_id)
            return more

    async def _offer(self, connection: Connection, planning: Planning, waiting: list[Packable], *, more: bool) -> None:
        if not waiting:
            return
        stored = await ingestions.get_by_key(connection, planning.ingestion_id)
        attempts = stored.ingestion.load.max_attempts or DEFAULT_MAX_ATTEMPTS
        sets = _sets(stored, waiting, max_attempts=attempts, keep_open_set=more or not planning.listed)
        if sets:
            await leases.offer(connection, stored, run_id=planning.run_id, sets=sets, max_attempts=attempts)
            failpoint("planner.after_offer")


def _sets(
    stored: StoredIngestion, waiting: list[Packable], *, max_attempts: int, keep_open_set: bool
) -> list[list[Packable]]:
    policy = stored.ingestion.load
    return list(
        isolate(
            waiting,
            max_attempts=max_attempts,
            max_files=policy.max_files_per_lease or DEFAULT_MAX_FILES,
            max_bytes=policy.max_bytes_per_lease or DEFAULT_MAX_BYTES,
            keep_open_set=keep_open_set,
        )
    )
