"""What the ledger remembers of leases: which files are in them, who holds them, and until when.

Every change is one statement guarded by the state, the fence and where it matters the attempt that it leaves, so that a
holder who lost its lease changes nothing. Repeating a call that took effect answers as it did.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import func, select

from control_plane.domain.file import LoadError
from control_plane.domain.ingestion import StoredIngestion
from control_plane.domain.lease import AcquiredLease, Holding, LeaseState
from control_plane.domain.packing import Packable
from control_plane.domain.run import Run
from control_plane.domain.schema import ColumnsInForce, Proposal
from control_plane.ledger import ingestions, runs, schemas
from control_plane.ledger.database import Connection
from control_plane.ledger.documents import error_json
from control_plane.ledger.fences import count_fenced, fenced, fenced_unless, lock_run
from control_plane.ledger.grants import granted, member_ids
from control_plane.ledger.lease_ends import expect, revive_later_versions
from control_plane.ledger.requests import lock_request
from control_plane.ledger.splits import split
from control_plane.ledger.statements import statement
from control_plane.ledger.tables import leases

EXECUTOR_LOST = LoadError(
    category="EXECUTOR_LOST",
    message="The executor fell silent before it staged the lease; it is tried again.",
    retryable=True,
)
FILE_POISONOUS = LoadError(
    category="FILE_POISONOUS",
    message="Every executor that loaded this file died, the last with this file alone, while other files were loaded."
    " Look for a record larger than the executor's memory. RetryFiles tries the file again, alone.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long a failed lease rests: `first_seconds`, doubled with each attempt up to `longest_seconds`."""

    first_seconds: float = 1.0
    longest_seconds: float = 300.0


async def offer(
    connection: Connection,
    stored: StoredIngestion,
    *,
    run_id: int,
    sets: Sequence[Sequence[Packable]],
    max_attempts: int,
) -> None:
    """Puts each set of waiting files into a lease of its own; the caller has locked the run."""
    members = [(uuid.uuid4(), files) for files in sets]
    offered = await connection.execute(
        statement("offer_leases"),
        {
            "ingestion_id": stored.ingestion_id,
            "run_id": run_id,
            "pool": stored.ingestion.pool,
            "max_attempts": max_attempts,
            "lease_ids": [lease_id for lease_id, _ in members],
            "file_counts": [len(files) for _, files in members],
            "sizes": [sum(file.size_bytes for file in files) for _, files in members],
            "losses": [max(file.executors_lost for file in files) for _, files in members],
            "file_ids": [file.file_id for _, files in members for file in files],
            "file_leases": [lease_id for lease_id, files in members for _ in files],
        },
    )
    expect(offered.one().files, sum(len(files) for _, files in members))


async def acquire(
    connection: Connection, *, executor: str, request_id: str, pool: str, lease_seconds: float
) -> AcquiredLease | None:
    """Hands out the oldest lease that waits, or again the one that this request got; None when none waits."""
    await lock_request(connection, f"{executor}/{request_id}")
    acquired = await connection.execute(
        statement("acquire_lease"),
        {
            "executor": executor,
            "request_id": request_id,
            "pool": pool,
            "lease_seconds": lease_seconds,
            "attempt": uuid.uuid4(),
        },
    )
    row = acquired.mappings().one_or_none()
    return await granted(connection, row, lease_seconds=lease_seconds) if row else None


async def renew(connection: Connection, holding: Holding, *, lease_seconds: float) -> bool:
    """Extends the lease; False when it has moved on."""
    renewed = await connection.execute(statement("renew_lease"), asdict(holding) | {"lease_seconds": lease_seconds})
    if renewed.one_or_none() is not None:
        return True
    await count_fenced(connection, holding.lease_id)
    return False


async def propose_schema(connection: Connection, holding: Holding, proposal: Proposal) -> ColumnsInForce:
    """Stores the columns as the next version if theirs still holds; returns those that hold then.

    Raises LeaseFenced, or InvalidField when the ingestion does not allow the change.
    """
    row = (
        await connection.execute(
            select(leases.c.ingestion_id, leases.c.run_id).where(
                leases.c.lease_id == uuid.UUID(holding.lease_id),
                leases.c.fence == holding.fence,
                leases.c.attempt == uuid.UUID(holding.attempt),
                leases.c.state == LeaseState.HELD,
            )
        )
    ).one_or_none()
    if row is None:
        raise await fenced(connection, holding.lease_id)
    stored = await ingestions.get_by_key(connection, row.ingestion_id, lock=True)
    members = await member_ids(connection, holding.lease_id) if proposal.files else []
    shown_by = {path: members[index] for path, index in proposal.files.items() if index < len(members)}
    return await schemas.propose(connection, stored, proposal, run_id=row.run_id, shown_by=shown_by)


async def fail(connection: Connection, holding: Holding, error: LoadError, *, backoff: Backoff) -> None:
    """Offers the lease again after a back-off, or fails its files when that is hopeless. Raises LeaseFenced.

    A set that an executor died with is split.
    """
    await lock_run(connection, holding.lease_id)
    is_lost = error.category == EXECUTOR_LOST.category
    if is_lost and await split(connection, holding, error):
        return
    failed = await connection.execute(
        statement("fail_lease"),
        asdict(holding)
        | {
            "error": error_json(error),
            "retryable": error.retryable,
            "is_lost": is_lost,
            "first_seconds": backoff.first_seconds,
            "longest_seconds": backoff.longest_seconds,
        },
    )
    row = failed.one_or_none()
    if row is None:
        split_before = [LeaseState.ABANDONED] if is_lost else []
        await fenced_unless(connection, holding, LeaseState.OFFERED, LeaseState.FAILED, *split_before)
        return
    await give_up(connection, row.run_id)


async def release(connection: Connection, holding: Holding, *, rest_seconds: float) -> None:
    """Gives the lease back; what is staged rests, so that others go first. One that moved on is let go in silence."""
    await connection.execute(statement("release_lease"), asdict(holding) | {"rest_seconds": rest_seconds})


async def reap(connection: Connection) -> int:
    """Takes back leases whose deadline passed, but for sets to be split; returns how many.

    Splitting and giving up take transactions of their own.
    """
    reaped = await connection.execute(statement("reap_leases"), {"error": error_json(EXECUTOR_LOST)})
    row = reaped.one_or_none()
    return int(row.leases) if row else 0


async def hopeless_runs(connection: Connection) -> list[int]:
    """Runs with leases on offer whose attempts are used up."""
    query = (
        select(leases.c.run_id)
        .where(
            leases.c.state == LeaseState.OFFERED,
            func.greatest(leases.c.attempts, leases.c.executors_lost) >= leases.c.max_attempts,
        )
        .distinct()
        .limit(1000)
    )
    return list(await connection.scalars(query))


async def give_up(connection: Connection, run_id: int) -> None:
    """Fails the files of the run's leases whose attempts are used up, and finishes the run if nothing is left."""
    told = {"run_id": run_id, "poisonous": error_json(FILE_POISONOUS)}
    row = (await connection.execute(statement("give_up_leases"), told)).one_or_none()
    if row is not None:
        expect(row.files, row.file_count)
        await revive_later_versions(connection, row.ingestion_id, run_id, row.not_loaded)
        await runs.finish_run(connection, run_id)


async def cancel_run(connection: Connection, tenant: str, ingestion: str, run_id: int) -> Run:
    """Cancels a run: what is not staged waits again, what is staged is published first. Raises NotFound, WrongState."""
    run = await runs.get(connection, tenant, ingestion, run_id)
    if await runs.note_cancel(connection, run):
        await abandon(connection, run_id)
    return await runs.get_by_key(connection, run_id)


async def abandon(connection: Connection, run_id: int) -> None:
    """Lets the files of a cancelled run's leases wait again, and finishes the run if nothing of it is staged."""
    row = (await connection.execute(statement("abandon_leases"), {"run_id": run_id})).one()
    expect(row.files, row.file_count)
    await runs.finish_run(connection, run_id)
