"""What the ledger remembers of runs: where each stands, and the figures it left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select, case, cast, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from control_plane.domain.file import LoadError
from control_plane.domain.filter import Filter
from control_plane.domain.ingestion import IngestionState, StoredIngestion
from control_plane.domain.run import ACTIVE_STATES, Run, RunState, RunWarning, Trigger
from control_plane.errors import IngestionPaused, NotFound, WrongState
from control_plane.ledger.conditions import where
from control_plane.ledger.database import Connection
from control_plane.ledger.ingestions import run_active
from control_plane.ledger.run_changes import CHANGES_OF_RUN, change_of_run
from control_plane.ledger.statements import statement
from control_plane.ledger.tables import files, ingestions, leases, runs

_COLUMNS = {
    "state": runs.c.state,
    "trigger": runs.c.trigger,
    "create_time": runs.c.create_time,
    "end_time": runs.c.end_time,
    "records_written": runs.c.records_written,
    "files_failed": runs.c.files_failed,
}


async def open_run(connection: Connection, stored: StoredIngestion, *, trigger: Trigger) -> Run:
    """Opens a run; raises IngestionPaused, or RunActive naming the unfinished one."""
    if stored.ingestion.state is IngestionState.PAUSED:
        raise IngestionPaused(
            f"ingestions/{stored.ingestion.id} is paused; resume it first.",
            name=f"ingestions/{stored.ingestion.id}",
        )
    opened = await connection.execute(statement("open_run"), {"ingestion_id": stored.ingestion_id, "trigger": trigger})
    row = opened.one_or_none()
    if row is None:
        active = await connection.scalar(
            select(runs.c.run_id)
            .where(runs.c.ingestion_id == stored.ingestion_id)
            .order_by(runs.c.run_id.desc())
            .limit(1)
        )
        raise run_active(stored.ingestion.id, active or 0)
    return await get(connection, stored.ingestion.tenant, stored.ingestion.id, row.run_id)


async def get(connection: Connection, tenant: str, ingestion: str, run_id: int) -> Run:
    """The run of that ingestion; raises NotFound."""
    query = _select().where(ingestions.c.tenant == tenant, ingestions.c.id == ingestion, runs.c.run_id == run_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        name = f"ingestions/{ingestion}/runs/{run_id}"
        raise NotFound(f"{name} does not exist.", name=name)
    return _run(row)


async def list_page(
    connection: Connection,
    tenant: str,
    ingestion: str | None,
    *,
    filter: Filter,
    before: int | None,
    limit: int,
) -> list[Run]:
    """Up to `limit` runs with ids below `before`, newest first; of every ingestion with None."""
    query = _select().where(ingestions.c.tenant == tenant).where(where(filter, _COLUMNS.__getitem__))
    if ingestion is not None:
        query = query.where(ingestions.c.id == ingestion)
    if before is not None:
        query = query.where(runs.c.run_id < before)
    query = query.order_by(runs.c.run_id.desc()).limit(limit)
    return [_run(row) for row in (await connection.execute(query)).mappings()]


async def note_cancel(connection: Connection, run: Run) -> bool:
    """Notes that the run is to stop, and locks it; False when it is cancelled already. Raises WrongState."""
    noted = await connection.execute(statement("cancel_run"), {"run_id": run.run_id})
    if noted.one_or_none() is not None:
        return True
    now = await get_by_key(connection, run.run_id)
    if now.state is RunState.CANCELLED:
        return False
    raise WrongState(
        f"ingestions/{run.ingestion}/runs/{run.run_id} is {now.state}; there is nothing to cancel.",
        state=now.state,
    )


async def get_by_key(connection: Connection, run_id: int) -> Run:
    """The run of that key."""
    query = _select().where(runs.c.run_id == run_id)
    return _run((await connection.execute(query)).mappings().one())


async def is_cancelled(connection: Connection, run_id: int) -> bool:
    """Whether somebody cancelled the run, at rest or not."""
    return await connection.scalar(select(runs.c.cancel_time).where(runs.c.run_id == run_id)) is not None


async def finish_run(connection: Connection, run_id: int) -> RunState | None:
    """Brings the run to rest if nothing of it is left to do; returns the state in which it rests then."""
    finished = (await connection.execute(statement("finish_run"), {"run_id": run_id})).one_or_none()
    return RunState(finished.state) if finished else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Planning:
    """A run locked for planning; `listed` says that no more files will come, `stopped` that none is to be leased."""

    run_id: int
    ingestion_id: int
    listed: bool
    stopped: bool


async def lock_for_planning(connection: Connection, run_id: int) -> Planning | None:
    """Locks a run that is under way; None when it rests, or another control plane plans it now."""
    query = (
        select(runs.c.ingestion_id, runs.c.list_end_time, runs.c.error, runs.c.cancel_time)
        .where(runs.c.run_id == run_id, runs.c.state.in_(["PENDING", "RUNNING"]))
        .with_for_update(skip_locked=True)
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    return Planning(
        run_id=run_id,
        ingestion_id=row.ingestion_id,
        listed=row.list_end_time is not None,
        stopped=row.error is not None or row.cancel_time is not None,
    )


async def active(connection: Connection, *, limit: int) -> list[int]:
    """Runs that are under way, oldest first."""
    return list(
        await connection.scalars(
            select(runs.c.run_id)
            .where(runs.c.state.in_([state.value for state in ACTIVE_STATES]))
            .where(runs.c.start_time.is_not(None) | runs.c.cancel_time.is_not(None))
            .order_by(runs.c.run_id)
            .limit(limit)
        )
    )


def _select() -> Select[Any]:
    of_run = leases.c.run_id == runs.c.run_id
    doubted = func.array(
        select(cast(leases.c.lease_id, Text))
        .where(of_run, leases.c.state == "IN_DOUBT")
        .order_by(leases.c.lease_id)
        .limit(100)
        .scalar_subquery(),
        type_=ARRAY(Text),
    )
    leased = (
        select(func.coalesce(func.sum(leases.c.file_count), 0))
        .where(of_run, leases.c.state.in_(["OFFERED", "HELD", "STAGED", "IN_DOUBT"]))
        .scalar_subquery()
    )
    pending = (
        select(func.count())
        .where(files.c.ingestion_id == runs.c.ingestion_id, files.c.state == "PENDING")
        .scalar_subquery()
    )
    waiting = case((runs.c.state.in_(["PENDING", "RUNNING"]), pending), else_=literal(0))
    return select(
        runs,
        ingestions.c.id.label("ingestion"),
        doubted.label("leases_in_doubt"),
        (leased + waiting).label("files_remaining"),
        CHANGES_OF_RUN,
        func.now().label("now"),
    ).join(ingestions, ingestions.c.ingestion_id == runs.c.ingestion_id)


_COUNTS = (
    "files_discovered",
    "files_processed",
    "files_failed",
    "files_skipped",
    "files_missing",
    "files_remaining",
    "records_written",
    "records_rejected",
    "bytes_read",
    "listing_requests",
    "objects_listed",
)
_TIMES = ("create_time", "start_time", "end_time", "cancel_time", "now")


def _run(row: RowMapping) -> Run:
    counts: dict[str, Any] = {name: int(row[name]) for name in _COUNTS}
    times: dict[str, Any] = {name: row[name] for name in _TIMES}
    return Run(
        run_id=row["run_id"],
        ingestion_id=row["ingestion_id"],
        ingestion=row["ingestion"],
        state=RunState(row["state"]),
        trigger=Trigger(row["trigger"]),
        errors=tuple(_error(error, row["end_time"]) for error in row["errors"]),
        warnings=tuple(RunWarning(**warning) for warning in row["warnings"]),
        snapshot_ids=tuple(row["snapshot_ids"]),
        leases_in_doubt=tuple(row["leases_in_doubt"]),
        schema_changes=tuple(change_of_run(each, row["run_id"]) for each in row["schema_changes"]),
        **counts,
        **times,
    )


def _error(document: dict[str, Any], time: datetime | None) -> LoadError:
    return LoadError(**{**document, "cause": document["cause"] or ""}, time=time)
