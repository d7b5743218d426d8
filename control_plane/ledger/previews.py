"""What the ledger knows of previews, for as long as somebody waits for them: no part of its memory of files."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, delete, func, insert, literal, select, text, update

from control_plane.domain.ingestion import Column, Ingestion
from control_plane.domain.lease import Holding, LeasedFile
from control_plane.domain.preview import FENCE, AcquiredPreview, PreviewState, PreviewTerms
from control_plane.ledger import ingestions, schemas
from control_plane.ledger.configs import config_of, configured, sealed_of
from control_plane.ledger.database import CHANNEL, Connection
from control_plane.ledger.requests import lock_request
from control_plane.ledger.statements import statement
from control_plane.ledger.tables import previews

KEPT = text("interval '1 hour'")


async def terms_of(
    connection: Connection, ingestion: Ingestion, *, files: Sequence[LeasedFile], row_count: int
) -> PreviewTerms:
    """The terms under which a run would load the files now. An ingestion without an id is not stored."""
    columns, version, ignored = ingestion.columns, int(bool(ingestion.columns)), tuple[str, ...]()
    if ingestion.id:
        stored = await ingestions.get(connection, ingestion.tenant, ingestion.id)
        holding = await schemas.in_force(connection, stored)
        columns, version = holding.columns, holding.version
        ignored = await schemas.ignored_fields(connection, stored.ingestion_id, columns)
    return PreviewTerms(
        ingestion=ingestion,
        columns=columns,
        schema_version=version,
        ignored_fields=ignored,
        files=tuple(files),
        row_count=row_count,
    )


async def ask(connection: Connection, terms: PreviewTerms, *, wait_seconds: float) -> str:
    """Asks executors for a preview, which somebody waits for so long; its id."""
    ingestion, preview_id = terms.ingestion, uuid.uuid4()
    await connection.execute(
        insert(previews).values(
            preview_id=preview_id,
            tenant=ingestion.tenant,
            ingestion=ingestion.id,
            pool=ingestion.pool,
            config=config_of(ingestion),
            sealed=sealed_of(ingestion),
            terms=_document(terms),
            expire_time=func.now() + func.make_interval(0, 0, 0, 0, 0, 0, wait_seconds),
        )
    )
    await _tell(connection, "leases_offered")
    return str(preview_id)


async def acquire(
    connection: Connection, *, executor: str, request_id: str, pool: str, lease_seconds: float
) -> AcquiredPreview | None:
    """Hands out the preview that waits longest, or again the one that this request got; None when none waits."""
    await lock_request(connection, f"{executor}/{request_id}")
    acquired = await connection.execute(
        statement("acquire_preview"),
        {
            "executor": executor,
            "request_id": request_id,
            "pool": pool,
            "lease_seconds": lease_seconds,
            "attempt": uuid.uuid4(),
        },
    )
    row = acquired.mappings().one_or_none()
    return _acquired(row) if row else None


async def renew(connection: Connection, holding: Holding, *, lease_seconds: float) -> bool:
    """Lets the holder go on; False when nobody waits any more."""
    deadline = func.now() + func.make_interval(0, 0, 0, 0, 0, 0, lease_seconds)
    renewed = await connection.execute(
        update(previews).where(*_held(holding), previews.c.expire_time > func.now()).values(deadline=deadline)
    )
    return bool(renewed.rowcount)


async def release(connection: Connection, holding: Holding) -> None:
    """Lets another executor have the preview."""
    nobody = {"attempt": None, "holder": None, "request_id": None, "deadline": None}
    released = await connection.execute(update(previews).where(*_held(holding)).values(nobody))
    if released.rowcount:
        await _tell(connection, "leases_offered")


async def answer(connection: Connection, holding: Holding, answer: bytes) -> bool:
    """Keeps the holder's answer for who waits; False when this is no preview that waits for it."""
    answered = await connection.execute(update(previews).where(*_held(holding)).values(answer=answer))
    if answered.rowcount:
        await _tell(connection, "previews_answered")
    return bool(answered.rowcount)


async def look(connection: Connection, preview_id: str) -> PreviewState:
    """How far the preview is."""
    query = select(
        previews.c.answer, previews.c.holder, func.coalesce(previews.c.deadline < func.now(), False).label("overdue")
    ).where(_is(preview_id))
    row = (await connection.execute(query)).one()
    return PreviewState(answer=row.answer, is_taken=row.holder is not None, is_overdue=row.overdue)


async def withdraw(connection: Connection, preview_id: str) -> bool:
    """Forgets a preview that nobody has taken; False when somebody just has."""
    withdrawn = await connection.execute(delete(previews).where(_is(preview_id), previews.c.holder.is_(None)))
    return bool(withdrawn.rowcount)


async def forget(connection: Connection, preview_id: str) -> None:
    """Forgets the preview, and what was seen with it."""
    await connection.execute(delete(previews).where(_is(preview_id)))


async def prune(connection: Connection) -> None:
    """Forgets previews that were left behind, an hour after they were asked for."""
    await connection.execute(delete(previews).where(previews.c.create_time < func.now() - KEPT))


async def _tell(connection: Connection, news: str) -> None:
    await connection.execute(select(func.pg_notify(CHANNEL, news)))


def _is(preview_id: str) -> ColumnElement[bool]:
    return previews.c.preview_id == uuid.UUID(preview_id)


def _held(holding: Holding) -> tuple[ColumnElement[bool], ...]:
    """Is held by that attempt, and not answered yet."""
    return (
        _is(holding.lease_id),
        previews.c.attempt == uuid.UUID(holding.attempt),
        previews.c.answer.is_(None),
        literal(holding.fence == FENCE),
    )


def _document(terms: PreviewTerms) -> dict[str, Any]:
    return {
        "columns": [asdict(column) for column in terms.columns],
        "schema_version": terms.schema_version,
        "ignored_fields": terms.ignored_fields,
        "files": [asdict(file) for file in terms.files],
        "row_count": terms.row_count,
    }


def _acquired(row: RowMapping) -> AcquiredPreview:
    terms = row["terms"]
    return AcquiredPreview(
        preview_id=str(row["preview_id"]),
        attempt=str(row["attempt"]),
        now=row["now"],
        terms=PreviewTerms(
            ingestion=configured(
                row["config"], row["sealed"], tenant=row["tenant"], id=row["ingestion"], pool=row["pool"]
            ),
            columns=tuple(Column(**column) for column in terms["columns"]),
            schema_version=terms["schema_version"],
            ignored_fields=tuple(terms["ignored_fields"]),
            files=tuple(LeasedFile(**file) for file in terms["files"]),
            row_count=terms["row_count"],
        ),
    )
