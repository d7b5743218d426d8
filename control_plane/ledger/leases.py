"""What the ledger remembers of leases: who holds which files, what was staged for them, and what was decided.

Every change is one statement guarded by the state, the fence and where it matters the attempt that it leaves, so that a
holder who lost its lease changes nothing. Repeating a call that took effect answers as it did.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import RowMapping, select, update

from control_plane.domain.file import OUTSIDE_CATEGORIES, LoadError
from control_plane.domain.ingestion import Column, StoredIngestion
from control_plane.domain.lease import (
    AcquiredLease,
    FileException,
    Holding,
    LeasedFile,
    LeaseState,
    Resolution,
    StagedTable,
    Staging,
)
from control_plane.domain.packing import Packable
from control_plane.domain.run import Run
from control_plane.errors import InvalidField, LeaseFenced, NotFound, Violation, WrongState
from control_plane.ledger import ingestions, runs, schemas
from control_plane.ledger.database import Connection, fetch
from control_plane.ledger.statements import statement
from control_plane.ledger.tables import attempts, ingestion_totals, leases, staged_tables
from control_plane.ledger.tables import runs as runs_table

EXECUTOR_LOST = LoadError(
    category="EXECUTOR_LOST",
    message="The executor fell silent before it staged the lease; it is tried again.",
    retryable=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long a failed lease rests: `first_seconds`, doubled with each attempt up to `longest_seconds`."""

    first_seconds: float = 1.0
    longest_seconds: float = 300.0


class MembershipBroken(Exception):
    """Fewer files moved than the lease has. The transaction is rolled back; nothing happened."""


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
            "file_ids": [file.file_id for _, files in members for file in files],
            "file_leases": [lease_id for lease_id, files in members for _ in files],
        },
    )
    _expect(offered.one().files, sum(len(files) for _, files in members))


async def acquire(
    connection: Connection, *, executor: str, request_id: str, pool: str, lease_seconds: float
) -> AcquiredLease | None:
    """Hands out the oldest lease that waits, or again the one that this request got; None when none waits."""
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
    return await _acquired(connection, row, lease_seconds=lease_seconds) if row else None


async def renew(connection: Connection, holding: Holding, *, lease_seconds: float) -> bool:
    """Extends the lease; False when it has moved on."""
    renewed = await connection.execute(statement("renew_lease"), asdict(holding) | {"lease_seconds": lease_seconds})
    if renewed.one_or_none() is not None:
        return True
    await _count_fenced(connection, holding.lease_id)
    return False


async def propose_schema(connection: Connection, holding: Holding, columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """Stores the inferred columns unless others came first; returns those that hold. Raises LeaseFenced."""
    ingestion_id = await connection.scalar(
        select(leases.c.ingestion_id).where(
            leases.c.lease_id == uuid.UUID(holding.lease_id),
            leases.c.fence == holding.fence,
            leases.c.attempt == uuid.UUID(holding.attempt),
            leases.c.state == LeaseState.HELD,
        )
    )
    if ingestion_id is None:
        raise await _fenced(connection, holding.lease_id)
    return await schemas.propose(connection, ingestion_id, columns)


async def stage(connection: Connection, holding: Holding, staging: Staging) -> bool:
    """THE decision: True when this snapshot counts, also when that was said before; False when fenced."""
    await _refuse_wrong_counts(connection, holding, staging)
    decided = await connection.execute(
        statement("stage_lease"),
        asdict(holding)
        | {
            "records_written": list(staging.records_written),
            "exceptions": json.dumps([_exception(each) for each in staging.exceptions]),
            "warnings": json.dumps([asdict(each) for each in staging.warnings]),
            "table_name": staging.staged.table,
            "table_uuid": staging.staged.table_uuid,
            "base_snapshot_id": staging.staged.base_snapshot_id,
            "staged_snapshot_id": staging.staged.staged_snapshot_id,
            "records_added": staging.staged.records_added,
        },
    )
    if decided.one_or_none() is not None or await _is_stored(connection, holding, staging):
        return True
    await _count_fenced(connection, holding.lease_id)
    return False


async def complete(connection: Connection, *, lease_id: str, fence: int, published_snapshot_id: int) -> None:
    """Ends a STAGED lease whose snapshot is in main; repeating it changes nothing. Raises LeaseFenced."""
    done = await _complete(
        connection,
        lease_id,
        fence=fence,
        leaves=LeaseState.STAGED,
        published_snapshot_id=published_snapshot_id,
    )
    if done:
        return
    published = await connection.scalar(
        select(staged_tables.c.published_snapshot_id)
        .join(leases, leases.c.lease_id == staged_tables.c.lease_id)
        .where(leases.c.lease_id == uuid.UUID(lease_id), leases.c.state == LeaseState.PUBLISHED)
    )
    if published != published_snapshot_id:
        raise await _fenced(connection, lease_id)


async def droppable_branches(connection: Connection, lease_id: str, branches: Sequence[str]) -> list[str]:
    """Those private branches whose attempt is known here and neither stored in an open lease nor current."""
    named = {attempt: branch for branch in branches if (attempt := _attempt_of(branch))}
    query = (
        select(attempts.c.attempt)
        .join(leases, leases.c.lease_id == attempts.c.lease_id)
        .outerjoin(staged_tables, staged_tables.c.attempt == attempts.c.attempt)
        .where(attempts.c.attempt.in_(set(named)))
        .where(
            leases.c.state.in_([LeaseState.PUBLISHED, LeaseState.ABANDONED, LeaseState.FAILED])
            | (staged_tables.c.attempt.is_(None) & (leases.c.attempt != attempts.c.attempt))
        )
    )
    dead = set(await connection.scalars(query))
    return [branch for branch in branches if _attempt_of(branch) in dead]


async def fail(connection: Connection, holding: Holding, error: LoadError, *, backoff: Backoff) -> None:
    """Offers the lease again after a back-off, or fails its files when that is hopeless. Raises LeaseFenced."""
    await _lock_run(connection, holding.lease_id)
    failed = await connection.execute(
        statement("fail_lease"),
        asdict(holding)
        | {
            "error": _error_json(error),
            "retryable": error.retryable,
            "first_seconds": backoff.first_seconds,
            "longest_seconds": backoff.longest_seconds,
        },
    )
    if failed.one_or_none() is None:
        await _fenced_unless(connection, holding, LeaseState.OFFERED, LeaseState.FAILED)
        return
    await give_up(connection)


async def unstage(connection: Connection, holding: Holding, error: LoadError) -> None:
    """Offers a STAGED lease again whose snapshot is lost and provably never was in main. Raises LeaseFenced."""
    if not await _unstage(connection, holding, error, leaves=LeaseState.STAGED):
        await _fenced_unless(connection, holding, LeaseState.OFFERED)


async def doubt(connection: Connection, holding: Holding, error: LoadError) -> None:
    """Lays a STAGED lease aside until a person says whether its rows are in the table. Raises LeaseFenced."""
    await _lock_run(connection, holding.lease_id)
    doubted = await connection.execute(
        statement("doubt_lease"),
        {
            "lease_id": holding.lease_id,
            "fence": holding.fence,
            "error": _error_json(error),
        },
    )
    row = doubted.one_or_none()
    if row is None:
        await _fenced_unless(connection, holding, LeaseState.IN_DOUBT)
        return
    await runs.finish_run(connection, row.run_id)


async def release(connection: Connection, holding: Holding) -> None:
    """Gives the lease back; one that has moved on is let go in silence."""
    await connection.execute(statement("release_lease"), asdict(holding))


async def resolve(connection: Connection, run: Run, *, lease_id: str, resolution: Resolution, snapshot_id: int) -> Run:
    """Does what a person found out about a lease in doubt; raises NotFound or WrongState."""
    await _lock_run(connection, lease_id)
    row = (
        await connection.execute(
            select(leases.c.state, leases.c.fence, leases.c.attempt)
            .where(leases.c.lease_id == uuid.UUID(lease_id), leases.c.run_id == run.run_id)
            .with_for_update()
        )
    ).one_or_none()
    if row is None:
        raise NotFound(f"The run has no lease {lease_id}.", lease=lease_id)
    if row.state != LeaseState.IN_DOUBT:
        raise WrongState(f"Lease {lease_id} is {row.state}; only one IN_DOUBT is resolved.", state=row.state)
    match resolution:
        case Resolution.TRY_AGAIN:
            await connection.execute(statement("resolve_lease"), {"lease_id": lease_id, "run_id": run.run_id})
        case Resolution.PUBLISHED:
            await _complete(
                connection,
                lease_id,
                fence=None,
                leaves=LeaseState.IN_DOUBT,
                published_snapshot_id=snapshot_id,
            )
        case Resolution.NOT_PUBLISHED:
            holding = Holding(lease_id=lease_id, fence=row.fence, attempt=str(row.attempt))
            error = LoadError(
                category="PUBLISH_IN_DOUBT",
                message="A person said that the rows are not in the table; they are loaded anew.",
            )
            await _unstage(connection, holding, error, leaves=LeaseState.IN_DOUBT)
    return await runs.get_by_key(connection, run.run_id)


async def reap(connection: Connection) -> int:
    """Takes back leases whose deadline passed; returns how many. Giving up takes a transaction of its own."""
    reaped = await connection.execute(statement("reap_leases"), {"error": _error_json(EXECUTOR_LOST)})
    row = reaped.one_or_none()
    return int(row.leases) if row else 0


async def give_up(connection: Connection) -> None:
    """Fails the files of leases whose attempts are used up, and finishes their runs."""
    for row in await connection.execute(statement("give_up_leases")):
        _expect(row.files, row.file_count)
        await _revive_later_versions(connection, row.ingestion_id, row.run_id, row.not_loaded)
        await runs.finish_run(connection, row.run_id)


async def cancel_run(connection: Connection, tenant: str, ingestion: str, run_id: int) -> Run:
    """Cancels a run: what is not staged waits again, what is staged is published first. Raises NotFound, WrongState."""
    run = await runs.get(connection, tenant, ingestion, run_id)
    if await runs.note_cancel(connection, run):
        row = (await connection.execute(statement("abandon_leases"), {"run_id": run_id})).one()
        _expect(row.files, row.file_count)
        await runs.finish_run(connection, run_id)
    return await runs.get_by_key(connection, run_id)


async def _lock_run(connection: Connection, lease_id: str) -> None:
    """Locks the lease's run before the lease: the order in which everybody takes the two."""
    await connection.execute(
        select(runs_table.c.run_id)
        .join(leases, leases.c.run_id == runs_table.c.run_id)
        .where(leases.c.lease_id == uuid.UUID(lease_id))
        .with_for_update(of=runs_table)
    )


async def _complete(
    connection: Connection,
    lease_id: str,
    *,
    fence: int | None,
    leaves: LeaseState,
    published_snapshot_id: int,
) -> bool:
    completed = await connection.execute(
        statement("complete_lease"),
        {
            "lease_id": lease_id,
            "fence": fence,
            "leaves": leaves,
            "published_snapshot_id": published_snapshot_id,
        },
    )
    row = completed.one_or_none()
    if row is None:
        return False
    _expect(row.files, row.file_count)
    await _revive_later_versions(connection, row.ingestion_id, row.run_id, row.not_loaded)
    await runs.finish_run(connection, row.run_id)
    return True


async def _revive_later_versions(
    connection: Connection, ingestion_id: int, run_id: int, uris: Sequence[str] | None
) -> None:
    """Takes back versions that were skipped for one that, as it turns out, did not load."""
    if uris:
        await connection.execute(
            statement("revive_versions"),
            {"ingestion_id": ingestion_id, "run_id": run_id, "uris": list(uris)},
        )


async def _unstage(connection: Connection, holding: Holding, error: LoadError, *, leaves: LeaseState) -> bool:
    unstaged = await connection.execute(
        statement("unstage_lease"),
        {
            "lease_id": holding.lease_id,
            "fence": holding.fence,
            "leaves": leaves,
            "error": _error_json(error),
        },
    )
    return unstaged.one_or_none() is not None


async def _acquired(connection: Connection, row: RowMapping, *, lease_seconds: float) -> AcquiredLease:
    stored = await ingestions.get_by_key(connection, row["ingestion_id"])
    staged = row["state"] == LeaseState.STAGED
    return AcquiredLease(
        lease_id=str(row["lease_id"]),
        fence=row["fence"],
        attempt=str(row["attempt"]),
        ttl_seconds=lease_seconds,
        now=row["now"],
        run_id=row["run_id"],
        ingestion=stored.ingestion,
        columns=stored.ingestion.columns or await schemas.current(connection, stored.ingestion_id),
        files=() if staged else await _members(connection, row["lease_id"]),
        staged=await _staged(connection, row["lease_id"]) if staged else None,
    )


async def _members(connection: Connection, lease_id: uuid.UUID) -> tuple[LeasedFile, ...]:
    rows = await fetch(
        connection,
        "SELECT uri, size_bytes, etag, modification_time_ns FROM files WHERE lease_id = $1 ORDER BY file_id",
        lease_id,
    )
    return tuple(
        LeasedFile(uri=uri, size_bytes=size, etag=etag, modification_time_ns=time) for uri, size, etag, time in rows
    )


async def _staged(connection: Connection, lease_id: uuid.UUID) -> StagedTable:
    row = (await connection.execute(select(staged_tables).where(staged_tables.c.lease_id == lease_id))).one()
    return StagedTable(
        table=row.table_name,
        table_uuid=row.table_uuid,
        base_snapshot_id=row.base_snapshot_id,
        staged_snapshot_id=row.staged_snapshot_id,
        records_added=row.records_added,
    )


async def _refuse_wrong_counts(connection: Connection, holding: Holding, staging: Staging) -> None:
    expected = await connection.scalar(
        select(leases.c.file_count).where(leases.c.lease_id == uuid.UUID(holding.lease_id))
    )
    counts = staging.records_written
    if expected is not None and expected != len(counts):
        raise InvalidField(Violation("records_written", f"has {len(counts)} counts, the lease has {expected} files"))
    if sum(counts) != staging.staged.records_added:
        raise InvalidField(
            Violation(
                "records_written",
                f"sums to {sum(counts)}, the snapshot has {staging.staged.records_added} rows",
            )
        )


async def _is_stored(connection: Connection, holding: Holding, staging: Staging) -> bool:
    stored = await connection.scalar(
        select(staged_tables.c.lease_id).where(
            staged_tables.c.lease_id == uuid.UUID(holding.lease_id),
            staged_tables.c.attempt == uuid.UUID(holding.attempt),
            staged_tables.c.staged_snapshot_id == staging.staged.staged_snapshot_id,
        )
    )
    return stored is not None


async def _fenced_unless(connection: Connection, holding: Holding, *states: LeaseState) -> None:
    """Lets a repeated call pass when the lease still stands where the first one put it under this attempt."""
    same = await connection.scalar(
        select(leases.c.lease_id).where(
            leases.c.lease_id == uuid.UUID(holding.lease_id),
            leases.c.attempt == uuid.UUID(holding.attempt),
            leases.c.state.in_(states),
        )
    )
    if same is None:
        raise await _fenced(connection, holding.lease_id)


async def _fenced(connection: Connection, lease_id: str) -> LeaseFenced:
    await _count_fenced(connection, lease_id)
    return LeaseFenced(f"Lease {lease_id} has moved on; forget it.", lease=lease_id)


async def _count_fenced(connection: Connection, lease_id: str) -> None:
    await connection.execute(
        update(ingestion_totals)
        .where(
            ingestion_totals.c.ingestion_id
            == select(leases.c.ingestion_id).where(leases.c.lease_id == uuid.UUID(lease_id)).scalar_subquery()
        )
        .values(leases_fenced=ingestion_totals.c.leases_fenced + 1)
    )


def _expect(files: int, membership: int) -> None:
    if files != membership:
        raise MembershipBroken(f"{files} files moved, the membership is {membership}")


def _attempt_of(branch: str) -> uuid.UUID | None:
    """The attempt in a private branch's name, `al_{attempt}` or `al_{attempt}_{round}`; None for a stranger's."""
    try:
        return uuid.UUID(branch.removeprefix("al_").split("_")[0]) if branch[:3] == "al_" else None
    except ValueError:
        return None


def _exception(exception: FileException) -> dict[str, Any]:
    return runs.error_document(exception.error) | {
        "index": exception.index,
        "outcome": exception.outcome,
        "retryable": exception.outcome == "FAILED" and exception.error.category in OUTSIDE_CATEGORIES,
        "records_rejected": exception.records_rejected,
    }


def _error_json(error: LoadError) -> str:
    document = runs.error_document(error)
    return json.dumps(document | {"retryable": error.category in OUTSIDE_CATEGORIES})
