"""What the ledger knows about why an object is loaded or not."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, RowMapping, case, func, select

from control_plane.domain.explanation import LeaseStanding, ListingStanding, Standing
from control_plane.domain.file import File, FileState
from control_plane.domain.ingestion import StoredIngestion
from control_plane.domain.lease import LeaseState
from control_plane.domain.run import Trigger
from control_plane.domain.schema import ChangeState
from control_plane.ledger.database import Connection
from control_plane.ledger.tables import attempts, files, leases, runs, schema_changes, waiting_files

WAITS_TOLD = 10


async def standing_of(
    connection: Connection, stored: StoredIngestion, file: File, *, versions: Sequence[File]
) -> Standing:
    """Where a file stands, in its lease and among runs."""
    return Standing(
        ingestion=stored.ingestion,
        file=file,
        versions=tuple(versions),
        lease=await _lease(connection, stored, file),
        listing=await listing_of(connection, stored),
        waits_for=await _waits_for(connection, stored, file) if file.state is FileState.FAILED else (),
    )


async def listing_of(connection: Connection, stored: StoredIngestion) -> ListingStanding:
    """When runs looked at the source, and whether one does now."""
    whole = runs.c.list_end_time.is_not(None) & runs.c.error.is_(None)
    newest = await _newest(connection, stored, runs.c.trigger != Trigger.RECONCILE)
    last = await _newest(connection, stored, (runs.c.trigger != Trigger.RECONCILE) & whole)
    is_active = newest is not None and newest["state"] in ("PENDING", "RUNNING")
    return ListingStanding(
        active_run=newest["run_id"] if newest and is_active else None,
        is_being_listed=bool(newest and is_active and newest["list_end_time"] is None),
        last_whole_run=last["run_id"] if last else None,
        last_whole_time=last["start_time"] if last else None,
        failure=newest["error"]["message"] if newest and newest["error"] else "",
    )


async def _waits_for(connection: Connection, stored: StoredIngestion, file: File) -> tuple[int, ...]:
    held = (
        select(schema_changes.c.change_id)
        .join(
            waiting_files,
            (waiting_files.c.ingestion_id == schema_changes.c.ingestion_id)
            & (waiting_files.c.change_id == schema_changes.c.change_id),
        )
        .where(
            waiting_files.c.ingestion_id == stored.ingestion_id,
            waiting_files.c.file_id == file.file_id,
            schema_changes.c.state == ChangeState.HELD,
        )
        .order_by(schema_changes.c.change_id)
        .limit(WAITS_TOLD)
    )
    return tuple(await connection.scalars(held))


async def _newest(connection: Connection, stored: StoredIngestion, condition: ColumnElement[bool]) -> RowMapping | None:
    query = (
        select(runs.c.run_id, runs.c.state, runs.c.start_time, runs.c.list_end_time, runs.c.error)
        .where(runs.c.ingestion_id == stored.ingestion_id, condition)
        .order_by(runs.c.run_id.desc())
        .limit(1)
    )
    return (await connection.execute(query)).mappings().one_or_none()


async def _lease(connection: Connection, stored: StoredIngestion, file: File) -> LeaseStanding | None:
    query = (
        select(
            leases,
            attempts.c.acquire_time,
            case((leases.c.not_before > func.now(), leases.c.not_before)).label("rests_until"),
        )
        .join(files, files.c.lease_id == leases.c.lease_id)
        .outerjoin(attempts, attempts.c.attempt == leases.c.attempt)
        .where(files.c.ingestion_id == stored.ingestion_id, files.c.file_id == file.file_id)
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    return LeaseStanding(
        state=LeaseState(row.state),
        holder=row.holder or "",
        held_since=row.acquire_time,
        offered_since=row.offer_time,
        # An attempt counts when its work begins.
        attempts=row.attempts + (row.state == LeaseState.HELD and not row.begun),
        max_attempts=row.max_attempts,
        rests_until=row.rests_until,
        error=row.error["message"] if row.error else "",
    )
