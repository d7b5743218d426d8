"""Reads the figures that monitoring shows: counts kept since the beginning, and what waits now."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import func, select

from control_plane.domain.figures import Figures, IngestionFigures
from control_plane.domain.file import FileState
from control_plane.domain.lease import LeaseState
from control_plane.domain.run import RunState, Trigger
from control_plane.ledger.database import Connection
from control_plane.ledger.tables import files, ingestion_counters, ingestion_totals, ingestions, leases

# Leases rest in these states for ever, and nobody counts them.
_AT_REST = [LeaseState.PUBLISHED, LeaseState.ABANDONED, LeaseState.FAILED]


async def read(connection: Connection) -> Figures:
    """The figures of every ingestion, the deleted ones included, and of the leases not at rest."""
    counters = await _counters(connection)
    waiting = await _waiting(connection)
    query = select(ingestions.c.id, ingestion_totals).join(
        ingestion_totals, ingestion_totals.c.ingestion_id == ingestions.c.ingestion_id
    )
    return Figures(
        ingestions=tuple(
            _figures(row, counters[row["ingestion_id"]], waiting.get(row["ingestion_id"]))
            for row in (await connection.execute(query)).mappings()
        ),
        leases=await _leases(connection),
    )


async def _counters(connection: Connection) -> dict[int, dict[tuple[str, str], int]]:
    counters: dict[int, dict[tuple[str, str], int]] = defaultdict(dict)
    for row in await connection.execute(select(ingestion_counters)):
        counters[row.ingestion_id][row.counter, row.labels] = row.value
    return counters


async def _waiting(connection: Connection) -> dict[int, Any]:
    query = (
        select(files.c.ingestion_id, func.count().label("files"), func.min(files.c.discover_time).label("oldest"))
        .where(files.c.state == "PENDING")
        .group_by(files.c.ingestion_id)
    )
    return {row.ingestion_id: row for row in await connection.execute(query)}


async def _leases(connection: Connection) -> dict[LeaseState, int]:
    query = (
        select(leases.c.state, func.count().label("leases"))
        .where(leases.c.state.not_in(_AT_REST))
        .group_by(leases.c.state)
    )
    counted = {row.state: row.leases for row in await connection.execute(query)}
    return {state: counted.get(state, 0) for state in LeaseState if state not in _AT_REST}


def _figures(row: Any, counters: dict[tuple[str, str], int], waiting: Any) -> IngestionFigures:
    return IngestionFigures(
        ingestion=row["id"],
        files={
            FileState.PROCESSED: row["files_processed"],
            FileState.FAILED: row["files_failed"],
            FileState.MISSING: row["files_missing"],
            FileState.SKIPPED: row["files_skipped"],
        },
        records_written=row["records_written"],
        records_rejected=row["records_rejected"],
        bytes_read=row["bytes_read"],
        runs={_run_key(labels): value for (counter, labels), value in counters.items() if counter == "runs"},
        file_errors={labels: value for (counter, labels), value in counters.items() if counter == "file_errors"},
        listing_requests=row["listing_requests"],
        lease_expirations=row["lease_expirations"],
        leases_fenced=row["leases_fenced"],
        files_pending=waiting.files if waiting else 0,
        oldest_pending_time=waiting.oldest if waiting else None,
        last_success_time=row["last_success_time"],
    )


def _run_key(labels: str) -> tuple[RunState, Trigger]:
    state, trigger = labels.split(",")
    return RunState(state), Trigger(trigger)
