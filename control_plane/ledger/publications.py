"""What was staged for leases, which of it counts, and whether it is in the table.

Every change is one statement guarded by the state and the fence that it leaves, so that one who lost the lease changes
nothing. Repeating a call that took effect answers as it did.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import select

from control_plane.domain.file import LoadError
from control_plane.domain.lease import Holding, LeaseState, Resolution, Staging
from control_plane.domain.run import Run
from control_plane.errors import InvalidField, NotFound, Violation, WrongState
from control_plane.ledger import changes, runs, staged
from control_plane.ledger.database import Connection
from control_plane.ledger.documents import error_json, exceptions_json
from control_plane.ledger.fences import count_fenced, fenced, fenced_unless, lock_run
from control_plane.ledger.grants import member_ids
from control_plane.ledger.lease_ends import expect, revive_later_versions
from control_plane.ledger.leases import abandon
from control_plane.ledger.seals import refuse_replaced, refuse_sealed
from control_plane.ledger.statements import statement
from control_plane.ledger.tables import attempts, leases, staged_tables


async def stage(connection: Connection, holding: Holding, staging: Staging) -> bool:
    """THE decision: True when this snapshot counts, also when that was said before; False when fenced.

    Raises TableSealed, and decides nothing, when main has a lease that the ledger does not know; TableReplaced when the
    table is not the one for which the run staged rows before.
    """
    await _refuse_wrong_counts(connection, holding, staging)
    held = staging.held_changes
    told = await connection.execute(
        statement("stage_lease"),
        asdict(holding)
        | {
            "records_written": list(staging.records_written),
            "exceptions": exceptions_json(staging.exceptions),
            "warnings": json.dumps([asdict(each) for each in (*staging.warnings, *changes.warnings_of(held))]),
            "held_changes": changes.held_json(held, await member_ids(connection, holding.lease_id)) if held else None,
            "leases_in_main": list(staging.leases_in_main),
        }
        | staged.parameters(staging.staged, staging.rejects),
    )
    row = told.one()
    if row.is_decided or await staged.is_stored(connection, holding, staging):
        return True
    if row.unknown:
        await refuse_sealed(connection, holding, table=staging.staged.table, unknown=row.unknown)
    if row.former_uuid:
        await refuse_replaced(connection, holding, staged=staging.staged, former_uuid=row.former_uuid)
    await count_fenced(connection, holding.lease_id)
    return False


async def complete(
    connection: Connection,
    *,
    lease_id: str,
    fence: int,
    published_snapshot_id: int,
    published_rejects_snapshot_id: int = 0,
) -> None:
    """Ends a STAGED lease whose snapshots are in main; repeating it changes nothing.

    Raises LeaseFenced, or InvalidField when records are kept aside and no snapshot holds them.
    """
    done = await _complete(
        connection,
        lease_id,
        fence=fence,
        leaves=LeaseState.STAGED,
        published_snapshot_id=published_snapshot_id,
        published_rejects_snapshot_id=published_rejects_snapshot_id,
    )
    if done:
        return
    if not published_rejects_snapshot_id and await staged.keeps_aside(connection, lease_id):
        raise InvalidField(
            Violation(
                "published_rejects_snapshot_id",
                "is missing, and the lease keeps records aside: upgrade the executor, which does not publish them",
            )
        )
    published = await connection.scalar(
        select(staged_tables.c.published_snapshot_id)
        .join(leases, leases.c.lease_id == staged_tables.c.lease_id)
        .where(
            leases.c.lease_id == uuid.UUID(lease_id),
            leases.c.state == LeaseState.PUBLISHED,
            staged_tables.c.purpose == staged.ROWS,
        )
    )
    if published != published_snapshot_id:
        raise await fenced(connection, lease_id)


async def unstage(connection: Connection, holding: Holding, error: LoadError) -> None:
    """Offers a STAGED lease again whose snapshot is lost and provably never was in main.

    That of a cancelled run is abandoned. Raises LeaseFenced.
    """
    run_id = await lock_run(connection, holding.lease_id)
    if not await _unstage(connection, holding, error, leaves=LeaseState.STAGED):
        await fenced_unless(connection, holding, LeaseState.OFFERED, LeaseState.ABANDONED)
    elif run_id is not None and await runs.is_cancelled(connection, run_id):
        await abandon(connection, run_id)


async def doubt(connection: Connection, holding: Holding, error: LoadError) -> None:
    """Lays a STAGED lease aside until a person says whether its rows are in the table. Raises LeaseFenced."""
    await lock_run(connection, holding.lease_id)
    doubted = await connection.execute(
        statement("doubt_lease"),
        {
            "lease_id": holding.lease_id,
            "fence": holding.fence,
            "error": error_json(error),
        },
    )
    row = doubted.one_or_none()
    if row is None:
        await fenced_unless(connection, holding, LeaseState.IN_DOUBT)
        return
    await runs.finish_run(connection, row.run_id)


async def resolve(connection: Connection, run: Run, *, lease_id: str, resolution: Resolution, snapshot_id: int) -> Run:
    """Does what a person found out about a lease in doubt; raises NotFound or WrongState."""
    await lock_run(connection, lease_id)
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
            if await runs.is_cancelled(connection, run.run_id):
                await abandon(connection, run.run_id)
    return await runs.get_by_key(connection, run.run_id)


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


async def _complete(
    connection: Connection,
    lease_id: str,
    *,
    fence: int | None,
    leaves: LeaseState,
    published_snapshot_id: int,
    published_rejects_snapshot_id: int = 0,
) -> bool:
    completed = await connection.execute(
        statement("complete_lease"),
        {
            "lease_id": lease_id,
            "fence": fence,
            "leaves": leaves,
            "published_snapshot_id": published_snapshot_id,
            "published_rejects_snapshot_id": published_rejects_snapshot_id,
        },
    )
    row = completed.one_or_none()
    if row is None:
        return False
    expect(row.files, row.file_count)
    await revive_later_versions(connection, row.ingestion_id, row.run_id, row.not_loaded)
    if row.holds_changes:
        await changes.hold(connection, row.ingestion_id, lease_id)
    await runs.finish_run(connection, row.run_id)
    return True


async def _unstage(connection: Connection, holding: Holding, error: LoadError, *, leaves: LeaseState) -> bool:
    unstaged = await connection.execute(
        statement("unstage_lease"),
        {
            "lease_id": holding.lease_id,
            "fence": holding.fence,
            "leaves": leaves,
            "error": error_json(error),
        },
    )
    return unstaged.first() is not None


async def _refuse_wrong_counts(connection: Connection, holding: Holding, staging: Staging) -> None:
    expected = await connection.scalar(
        select(leases.c.file_count).where(leases.c.lease_id == uuid.UUID(holding.lease_id))
    )
    counted = [("records_written", staging.records_written, staging.staged.records_added)]
    if staging.rejects is not None:
        counted.append(("rejects.records", staging.rejects.records, staging.rejects.staged.records_added))
    for field, counts, records_added in counted:
        if expected is not None and expected != len(counts):
            raise InvalidField(Violation(field, f"has {len(counts)} counts, the lease has {expected} files"))
        if sum(counts) != records_added:
            raise InvalidField(Violation(field, f"sums to {sum(counts)}, the snapshot has {records_added} rows"))


def _attempt_of(branch: str) -> uuid.UUID | None:
    """The attempt in a private branch's name, `al_{attempt}` or `al_{attempt}_{round}`; None for a stranger's."""
    try:
        return uuid.UUID(branch.removeprefix("al_").split("_")[0]) if branch[:3] == "al_" else None
    except ValueError:
        return None
