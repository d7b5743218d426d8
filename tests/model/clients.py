"""Clients who load one run's files side by side, stall, die and come back late, by chance but by one seed."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import text

from control_plane.domain.file import ListedFile
from control_plane.domain.ingestion import StoredIngestion
from control_plane.domain.isolation import isolate
from control_plane.domain.lease import Holding
from control_plane.domain.run import Trigger
from control_plane.errors import LeaseFenced
from control_plane.ledger import files, leases, listing_claims, listings, publications, runs, splits
from control_plane.ledger.database import Connection
from tests.model.calls import AWAY, LOST
from tests.model.executor_calls import LEASE_SECONDS, RESTED, a_staging
from tests.model.facts import Figures, LedgerFacts
from tests.model.ground import Answer, Ground, Work
from tests.model.invariants import broken
from tests.model.machine import Disagreement

CLIENTS = 4
FILES = 40
FILES_A_LEASE = 2
# More than any client needs: one that still turns then turns for ever.
TURNS = 500
EXPIRE = text(
    "UPDATE leases SET deadline = now() - interval '1 s' WHERE lease_id = CAST(:id AS uuid) AND fence = :fence"
)


@dataclass(slots=True)
class Crowd:
    """What the clients share: the ledger, the chance that they run by, and what each was told that it holds.

    A lease is off `holders` before its holder gives it up or its deadline passes, so nobody else may get it until then.
    """

    ground: Ground
    stored: StoredIngestion
    chance: random.Random
    holders: dict[str, Holding] = field(default_factory=dict)
    past: list[Holding] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    async def call(self, name: str, work: Work[Answer]) -> Answer:
        self.calls[name] += 1
        async with self.ground.database.transaction() as connection:
            return await work(connection)


async def interleave(ground: Ground, *, seed: int) -> Counter[str]:
    """Runs four clients until every file is loaded; how often each call was made. Raises Disagreement."""
    crowd = Crowd(ground, await ground.renewed(), random.Random(seed))
    await _offer(crowd)
    await asyncio.gather(*(_client(crowd, f"e{number}") for number in range(CLIENTS)))
    seen = await ground.seen()
    if wrong := [*crowd.wrong, *broken(LedgerFacts(), seen), *_not_loaded_once(seen)]:
        raise Disagreement("\n".join(wrong))
    return crowd.calls


async def _offer(crowd: Crowd) -> None:
    stored = crowd.stored
    page = [ListedFile(f"s3://bucket/{number:03}.json", 10, "e1", 1) for number in range(FILES)]

    async def work(connection: Connection) -> None:
        run_id = (await runs.open_run(connection, stored, trigger=Trigger.MANUAL)).run_id
        listing = await listing_claims.start_run(connection, lister=str(uuid.uuid4()), claim_seconds=LEASE_SECONDS)
        assert listing
        await listings.record_page(connection, ingestion_id=stored.ingestion_id, run_id=run_id, page=page, ordered=True)
        await listing_claims.end_listing(connection, listing, error=None)
        await _plan(stored, connection)

    await crowd.call("offer", work)


async def _plan(stored: StoredIngestion, connection: Connection) -> None:
    """As the planner does."""
    for run_id in await runs.active(connection, limit=1):
        if await runs.lock_for_planning(connection, run_id):
            waiting = await files.pending(connection, stored.ingestion_id, limit=FILES)
            sets = isolate(waiting, max_attempts=TURNS, max_files=FILES_A_LEASE, max_bytes=10**9, keep_open_set=False)
            await leases.offer(connection, stored, run_id=run_id, sets=list(sets), max_attempts=TURNS)


async def _client(crowd: Crowd, executor: str) -> None:
    for turn in range(TURNS):
        staged = await _acquire(crowd, executor, request_id=str(turn))
        if crowd.wrong or (staged is None and not await crowd.call("look", _is_work_left)):
            return
        await crowd.call("reap", leases.reap)
        for lost in await crowd.call("look", splits.lost_sets):
            await crowd.call("split", partial(splits.split_lost, lost=lost, error=LOST))
        await crowd.call("plan", partial(_plan, crowd.stored))
        if staged is not None:
            await _work(crowd, *staged)
        if crowd.past and crowd.chance.random() < 0.4:
            await _come_late(crowd, crowd.chance.choice(crowd.past))
    crowd.wrong.append(f"{executor} is never done")


async def _acquire(crowd: Crowd, executor: str, *, request_id: str) -> tuple[Holding, bool] | None:
    """Asks once, or twice at once: a request gets one lease. Says also whether it is staged."""

    async def work(connection: Connection) -> tuple[Holding, bool] | None:
        lease = await leases.acquire(
            connection, executor=executor, request_id=request_id, pool="default", lease_seconds=LEASE_SECONDS
        )
        if lease is None:
            return None
        return Holding(lease_id=lease.lease_id, fence=lease.fence, attempt=lease.attempt), lease.staged is not None

    asked = crowd.chance.choice((1, 1, 2))
    got = [each for each in await asyncio.gather(*(crowd.call("acquire", work) for _ in range(asked))) if each]
    if len({holding.attempt for holding, _ in got}) > 1:
        crowd.wrong.append(f"one request of {executor} got {got}")
    if not got:
        return None
    holding, _ = got[0]
    if holding.lease_id in crowd.holders:
        crowd.wrong.append(f"{executor} got {holding}, others have {crowd.holders[holding.lease_id]}")
    crowd.holders[holding.lease_id] = holding
    return got[0]


async def _work(crowd: Crowd, holding: Holding, staged: bool) -> None:
    """Goes as far as chance lets it, then completes, gives up, gives back, or falls silent."""
    if not await crowd.call("renew", lambda connection: leases.renew(connection, holding, lease_seconds=LEASE_SECONDS)):
        crowd.wrong.append(f"{holding} was lost with time left")
    if not staged and (staged := crowd.chance.random() < 0.7):
        await _stage(crowd, holding)
    crowd.holders.pop(holding.lease_id, None)
    crowd.past.append(holding)
    if staged and crowd.chance.random() < 0.5:
        await _complete(crowd, holding)
    elif crowd.chance.random() < 0.5:
        await crowd.call(
            "expire", lambda connection: connection.execute(EXPIRE, {"id": holding.lease_id, "fence": holding.fence})
        )
    elif staged or crowd.chance.random() < 0.5:
        await crowd.call("release", lambda connection: leases.release(connection, holding, rest_seconds=0.0))
    else:
        await _fail(crowd, holding)


async def _come_late(crowd: Crowd, holding: Holding) -> None:
    """One who put its lease down long ago does not know it yet. What it staged first still counts."""
    await crowd.chance.choice((_stage, _complete, _fail))(crowd, holding)


async def _stage(crowd: Crowd, holding: Holding) -> None:
    snapshot_id = holding.fence
    staging = a_staging(snapshot_id, [1] * FILES_A_LEASE, [], files=FILES_A_LEASE)
    await crowd.call("stage", lambda connection: publications.stage(connection, holding, staging))


async def _complete(crowd: Crowd, holding: Holding) -> None:
    async def work(connection: Connection) -> None:
        await publications.complete(
            connection, lease_id=holding.lease_id, fence=holding.fence, published_snapshot_id=81
        )

    await _unless_fenced(crowd, "complete", work)


async def _fail(crowd: Crowd, holding: Holding) -> None:
    error = crowd.chance.choice((AWAY, LOST))
    await _unless_fenced(crowd, "fail", lambda connection: leases.fail(connection, holding, error, backoff=RESTED))


async def _unless_fenced(crowd: Crowd, name: str, work: Work[None]) -> None:
    try:
        await crowd.call(name, work)
    except LeaseFenced:
        crowd.calls["fenced"] += 1


async def _is_work_left(connection: Connection) -> bool:
    left = await connection.exec_driver_sql("SELECT count(*) FROM files WHERE state <> 'PROCESSED'")
    return bool(left.scalar_one())


def _not_loaded_once(seen: LedgerFacts) -> list[str]:
    told = [
        f"file {key} is {file}"
        for key, file in seen.files.items()
        if (file.state, file.records_written) != ("PROCESSED", 1)
    ]
    figures = Figures(files_discovered=FILES, files_processed=FILES, records_written=FILES, bytes_read=10 * FILES)
    (run,) = seen.runs.values()
    if (run.state, run.figures, seen.totals) != ("SUCCEEDED", figures, figures):
        told.append(f"the run ended as {run}, in all {seen.totals}")
    return told
