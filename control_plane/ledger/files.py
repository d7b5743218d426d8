"""What the ledger remembers of files: what was seen, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, func, select

from control_plane.domain.file import File, FileState, FileSummary, LoadError
from control_plane.domain.filter import Filter
from control_plane.domain.ingestion import StoredIngestion
from control_plane.domain.packing import Packable
from control_plane.errors import NotFound
from control_plane.ledger.conditions import where
from control_plane.ledger.database import Connection, fetch
from control_plane.ledger.statements import statement
from control_plane.ledger.tables import files, ingestions, runs

COLUMNS: Mapping[str, ColumnElement[Any]] = {
    "state": files.c.state,
    "run": files.c.run_id,
    "uri": files.c.uri,
    "category": files.c.error_category,
    "size_bytes": files.c.size_bytes,
    "discover_time": files.c.discover_time,
}


async def get(connection: Connection, tenant: str, ingestion: str, file_id: int) -> File:
    """The file of that ingestion; raises NotFound."""
    query = _select().where(ingestions.c.tenant == tenant, ingestions.c.id == ingestion, files.c.file_id == file_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        name = f"ingestions/{ingestion}/files/{file_id:016x}"
        raise NotFound(f"{name} does not exist.", name=name)
    return _file(row)


async def versions(connection: Connection, stored: StoredIngestion, uri: str, *, limit: int) -> list[File]:
    """The newest versions seen of an object, at most `limit`, oldest first."""
    query = (
        _select()
        .where(files.c.ingestion_id == stored.ingestion_id, files.c.uri == uri)
        .order_by(files.c.generation.desc())
        .limit(limit)
    )
    return [_file(row) for row in (await connection.execute(query)).mappings()][::-1]


async def list_page(
    connection: Connection,
    stored: StoredIngestion,
    *,
    filter: Filter,
    after: int,
    limit: int,
) -> list[File]:
    """Up to `limit` files with ids above `after`, as they were discovered."""
    query = (
        _select()
        .where(files.c.ingestion_id == stored.ingestion_id, files.c.file_id > after)
        .where(where(filter, COLUMNS.__getitem__))
        .order_by(files.c.file_id)
        .limit(limit)
    )
    return [_file(row) for row in (await connection.execute(query)).mappings()]


async def summarize(connection: Connection, stored: StoredIngestion) -> list[FileSummary]:
    """Counts, bytes and records of the ingestion's files by state, in the order of the states."""
    query = (
        select(
            files.c.state,
            func.count().label("file_count"),
            func.sum(files.c.size_bytes).label("size_bytes"),
            func.sum(files.c.records_written).label("records_written"),
            func.sum(files.c.records_rejected).label("records_rejected"),
        )
        .where(files.c.ingestion_id == stored.ingestion_id)
        .group_by(files.c.state)
    )
    by_state = {row["state"]: row for row in (await connection.execute(query)).mappings()}
    return [
        FileSummary(
            state=state,
            file_count=by_state[state]["file_count"],
            size_bytes=int(by_state[state]["size_bytes"]),
            records_written=int(by_state[state]["records_written"]),
            records_rejected=int(by_state[state]["records_rejected"]),
        )
        for state in FileState
        if state in by_state
    ]


async def pending(connection: Connection, ingestion_id: int, *, limit: int) -> list[Packable]:
    """The files that wait, as they were discovered."""
    rows = await fetch(
        connection,
        "SELECT file_id, size_bytes, octet_length(uri), executors_lost FROM files"
        " WHERE ingestion_id = $1 AND state = 'PENDING' ORDER BY file_id LIMIT $2",
        ingestion_id,
        limit,
    )
    return [Packable(*row) for row in rows]


async def retake(connection: Connection, *, ingestion_id: int, run_id: int) -> None:
    """Takes up again, for this run, what failed by a cause outside the file."""
    await connection.execute(statement("retake_files"), {"ingestion_id": ingestion_id, "run_id": run_id})


async def lock_active_run(connection: Connection, ingestion_id: int) -> None:
    """Runs are locked before files, by everybody."""
    await connection.execute(
        select(runs.c.run_id)
        .where(runs.c.ingestion_id == ingestion_id, runs.c.state.in_(["PENDING", "RUNNING"]))
        .with_for_update()
    )


def _select() -> Select[Any]:
    return select(files, ingestions.c.id.label("ingestion")).join(
        ingestions,
        (ingestions.c.ingestion_id == files.c.ingestion_id) & ingestions.c.delete_time.is_(None),
    )


def _file(row: RowMapping) -> File:
    return File(
        file_id=row["file_id"],
        ingestion=row["ingestion"],
        uri=row["uri"],
        generation=row["generation"],
        state=FileState(row["state"]),
        size_bytes=row["size_bytes"],
        etag=row["etag"],
        modification_time_ns=row["modification_time_ns"],
        discover_time=row["discover_time"],
        end_time=row["end_time"],
        run_id=row["run_id"],
        attempts=row["attempts"],
        records_written=row["records_written"],
        records_rejected=row["records_rejected"],
        snapshot_id=row["snapshot_id"] or 0,
        error=_error(row),
    )


def _error(row: RowMapping) -> LoadError | None:
    if row["error_category"] is None:
        return None
    return LoadError(
        category=row["error_category"],
        message=row["error_message"] or "",
        cause=row["error_cause"] or "",
        retryable=bool(row["error_retryable"]),
        file_id=row["file_id"],
        file_count=1,
        time=row["end_time"],
    )
