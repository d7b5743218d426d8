"""What the ledger shows of leases with rows in tables, and how it takes back those that it forgot."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import RowMapping, Select, func, literal, select, tuple_

from control_plane.domain.file import FileState, ListedFile
from control_plane.domain.ingestion import StoredIngestion
from control_plane.domain.lease import LeaseState
from control_plane.domain.recovery import (
    ForgottenLease,
    KnownFile,
    KnownLease,
    LedgerLease,
    RestoredLease,
    RestoreResult,
    contradiction,
    standing,
)
from control_plane.domain.run import ACTIVE_STATES
from control_plane.domain.versions import CHANGED, version_of
from control_plane.ledger.database import Connection
from control_plane.ledger.documents import exceptions_json
from control_plane.ledger.ingestions import run_active
from control_plane.ledger.lease_ends import expect
from control_plane.ledger.staged import OF_SAME_LEASE, ROWS, parameters, rejects_tables, staged_from
from control_plane.ledger.statements import statement
from control_plane.ledger.tables import files, ingestions, leases, runs, staged_tables


async def list_page(
    connection: Connection,
    tenant: str,
    ingestion: str | None,
    *,
    table_uuid: str,
    after: tuple[int, str] | None,
    limit: int,
) -> list[LedgerLease]:
    """Up to `limit` leases whose snapshot counts, those of older runs first, after a run's key and a lease's id."""
    query = _select().where(ingestions.c.tenant == tenant, ingestions.c.delete_time.is_(None)).limit(limit)
    if ingestion is not None:
        query = query.where(ingestions.c.id == ingestion)
    if table_uuid:
        query = query.where((staged_tables.c.table_uuid == table_uuid) | (rejects_tables.c.table_uuid == table_uuid))
    if after is not None:
        last = tuple_(literal(after[0]), literal(uuid.UUID(after[1])))
        query = query.where(tuple_(leases.c.run_id, leases.c.lease_id) > last)
    return [_ledger_lease(row) for row in (await connection.execute(query)).mappings()]


async def restore(
    connection: Connection, stored: StoredIngestion, forgotten: Sequence[ForgottenLease]
) -> tuple[list[RestoredLease], int | None]:
    """Takes back, in their order, what the ledger does not contradict, under a run of its own, whose key it returns.

    The caller holds the ingestion's lock, so that no run begins meanwhile. Raises RunActive while one is unfinished.
    """
    await _refuse_active(connection, stored)
    run_id: int | None = None
    answers: list[RestoredLease] = []
    for lease in forgotten:
        answer = await _standing(connection, stored, lease)
        if answer is None:
            known = await _known_files(connection, stored, lease)
            answer = contradiction(lease, known)
        if answer is None:
            run_id = run_id or await _open_run(connection, stored)
            answer = await _restore(connection, stored, lease, known=known, run_id=run_id)
        answers.append(answer)
    return answers, run_id


async def _refuse_active(connection: Connection, stored: StoredIngestion) -> None:
    active = await connection.scalar(
        select(runs.c.run_id).where(runs.c.ingestion_id == stored.ingestion_id, runs.c.state.in_(ACTIVE_STATES))
    )
    if active is not None:
        raise run_active(stored.ingestion.id, active)


async def _standing(connection: Connection, stored: StoredIngestion, lease: ForgottenLease) -> RestoredLease | None:
    query = (
        select(leases.c.state, leases.c.ingestion_id, staged_tables.c.published_snapshot_id)
        .outerjoin(staged_tables, (staged_tables.c.lease_id == leases.c.lease_id) & (staged_tables.c.purpose == ROWS))
        .where(leases.c.lease_id == uuid.UUID(lease.lease_id))
        .with_for_update(of=leases)
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    known = KnownLease(
        state=LeaseState(row.state),
        is_ours=row.ingestion_id == stored.ingestion_id,
        published_snapshot_id=row.published_snapshot_id or 0,
    )
    return standing(lease, known)


async def _known_files(
    connection: Connection, stored: StoredIngestion, lease: ForgottenLease
) -> list[KnownFile | None]:
    """What the ledger has of each file of the lease, in their order."""
    rows = await connection.execute(
        statement("match_files"),
        {
            "ingestion_id": stored.ingestion_id,
            "uris": [file.uri for file in lease.files],
            "versions": [version_of(ListedFile(**asdict(file))) for file in lease.files],
        },
    )
    return [
        None
        if row.file_id is None
        else KnownFile(
            file_id=row.file_id,
            state=FileState(row.state),
            lease_id=str(row.lease_id or ""),
            snapshot_id=row.snapshot_id or 0,
        )
        for row in rows
    ]


async def _open_run(connection: Connection, stored: StoredIngestion) -> int:
    opened = await connection.execute(statement("restore_run"), {"ingestion_id": stored.ingestion_id})
    return int(opened.one().run_id)


async def _restore(
    connection: Connection,
    stored: StoredIngestion,
    lease: ForgottenLease,
    *,
    known: Sequence[KnownFile | None],
    run_id: int,
) -> RestoredLease:
    """Every file of it comes along, and none that it had stays behind, or nothing happens."""
    keys = {"ingestion_id": stored.ingestion_id, "run_id": run_id, "uris": [file.uri for file in lease.files]}
    values = keys | _values(lease) | {"file_ids": [found and found.file_id for found in known]}
    row = (await connection.execute(statement("restore_lease"), values)).one()
    expect(row.leases, 1)
    expect(row.processed, _still_to_load(lease, known))
    left = select(func.count()).where(files.c.lease_id == uuid.UUID(lease.lease_id))
    expect(await connection.scalar(left) or 0, 0)
    await connection.execute(statement("skip_versions"), keys | {"message": CHANGED})
    return RestoredLease(lease_id=lease.lease_id, result=RestoreResult.RESTORED, files_restored=row.processed)


def _still_to_load(lease: ForgottenLease, known: Sequence[KnownFile | None]) -> int:
    """How many of the files that it loaded the ledger does not have as loaded."""
    exceptions = {exception.index for exception in lease.exceptions}
    return sum(
        index not in exceptions and (found is None or found.state is not FileState.PROCESSED)
        for index, found in enumerate(known)
    )


def _values(lease: ForgottenLease) -> dict[str, Any]:
    return {
        "lease_id": lease.lease_id,
        "attempt": lease.attempt or uuid.uuid4(),
        "published_snapshot_id": lease.published_snapshot_id,
        "published_rejects_snapshot_id": lease.published_rejects_snapshot_id,
        "sizes": [file.size_bytes for file in lease.files],
        "etags": [file.etag for file in lease.files],
        "times": [file.modification_time_ns for file in lease.files],
        "records_written": list(lease.records_written),
        "exceptions": exceptions_json(lease.exceptions),
        **parameters(lease.staged, lease.rejects),
    }


def _select() -> Select[Any]:
    records = func.unnest(leases.c.records_written).column_valued("records")
    return (
        select(
            leases,
            staged_tables,
            *(column.label(f"rejects_{column.name}") for column in rejects_tables.c),
            ingestions.c.id.label("ingestion"),
            select(func.coalesce(func.sum(records), 0)).scalar_subquery().label("records"),
        )
        .join(staged_tables, (staged_tables.c.lease_id == leases.c.lease_id) & (staged_tables.c.purpose == ROWS))
        .outerjoin(rejects_tables, OF_SAME_LEASE)
        .join(ingestions, ingestions.c.ingestion_id == leases.c.ingestion_id)
        .order_by(leases.c.run_id, leases.c.lease_id)
    )


def _ledger_lease(row: RowMapping) -> LedgerLease:
    return LedgerLease(
        lease_id=str(row[leases.c.lease_id]),
        ingestion=row["ingestion"],
        run_id=row["run_id"],
        state=LeaseState(row["state"]),
        attempt=str(row[staged_tables.c.attempt]),
        staged=staged_from(row),
        published_snapshot_id=row["published_snapshot_id"] or 0,
        file_count=row["file_count"],
        records_written=int(row["records"]),
        end_time=row["end_time"],
        rejects=staged_from(row, "rejects_") if row["rejects_lease_id"] else None,
        published_rejects_snapshot_id=row["rejects_published_snapshot_id"] or 0,
    )
