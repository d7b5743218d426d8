"""Reads all that can be seen of a ledger with one ingestion, with SQL of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import asyncpg

from control_plane.ledger.database import Connection
from tests.model.facts import Figures, FileFacts, FileKey, LeaseFacts, LedgerFacts, RunFacts, StagedFacts

_FIGURES = tuple(Figures.__dataclass_fields__)
# Those that refer to others come first.
_TABLES = (
    "verified_heads",
    "requests",
    "attempts",
    "staged_tables",
    "leases",
    "files",
    "runs",
    "ingestion_counters",
    "ingestion_totals",
)
# One round trip, because it is made after every step.
_ALL = """
SELECT jsonb_build_object(
    'runs', (SELECT jsonb_agg(runs) FROM runs),
    'leases', (SELECT jsonb_agg(told) FROM (
        SELECT *, coalesce(deadline < now(), false) AS expired, not_before > now() AND end_time IS NULL AS resting
        FROM leases
    ) AS told),
    'staged', (SELECT jsonb_agg(staged_tables) FROM staged_tables),
    'files', (SELECT jsonb_agg(told) FROM (SELECT *, rank() OVER (ORDER BY file_id) FROM files) AS told),
    'attempts', (SELECT jsonb_agg(attempts) FROM attempts),
    'verified', (SELECT jsonb_agg(verified_heads) FROM verified_heads),
    'totals', (SELECT to_jsonb(ingestion_totals) FROM ingestion_totals),
    'counters', (SELECT jsonb_agg(told) FROM ingestion_counters AS told WHERE counter <> 'run_milliseconds')
)
"""


async def forget_everything(connection: Connection) -> None:
    """Makes the ledger as if it were new."""
    for table in (*_TABLES, "ingestions"):
        await connection.exec_driver_sql(f"DELETE FROM {table}")


async def observe(connection: asyncpg.Connection[asyncpg.Record]) -> LedgerFacts:
    """The whole ledger as it is now."""
    seen: dict[str, Any] = {name: told or [] for name, told in json.loads(await connection.fetchval(_ALL)).items()}
    staged = {row["lease_id"]: _staged(row) for row in seen["staged"]}
    return LedgerFacts(
        runs={row["run_id"]: _run(row) for row in seen["runs"]},
        leases={row["lease_id"]: _lease(row, staged.get(row["lease_id"])) for row in seen["leases"]},
        files=_files(seen["files"]),
        attempts={row["attempt"]: (row["lease_id"], row["fence"], row["holder"]) for row in seen["attempts"]},
        verified={row["table_name"]: row["snapshot_id"] for row in seen["verified"]},
        totals=_figures(seen["totals"]),
        counters={f"{row['counter']} {row['labels']}": row["value"] for row in seen["counters"]}
        | {name: seen["totals"][name] for name in ("lease_expirations", "leases_fenced")},
    )


def _run(row: dict[str, Any]) -> RunFacts:
    return RunFacts(
        state=row["state"],
        cancelled=row["cancel_time"] is not None,
        listed=row["list_end_time"] is not None,
        stopped=row["error"] is not None,
        figures=_figures(row),
        snapshot_ids=tuple(row["snapshot_ids"]),
        errors=frozenset((error["category"], error["file_count"]) for error in row["errors"]),
    )


def _figures(row: dict[str, Any]) -> Figures:
    return Figures(**{name: row[name] for name in _FIGURES})


def _lease(row: dict[str, Any], staged: StagedFacts | None) -> LeaseFacts:
    exceptions = row["exceptions"] or []
    counts = row["records_written"]
    return LeaseFacts(
        **{name: row[name] for name in _OF_LEASE},
        begun=row["begun"] and row["holder"] is not None,
        records_written=None if counts is None else tuple(counts),
        records_rejected=sum(each["records_rejected"] for each in exceptions),
        files_excepted=len(exceptions),
        error_category=row["error"] and row["error"]["category"],
        staged=staged,
    )


_OF_LEASE = (
    "run_id",
    "state",
    "file_count",
    "size_bytes",
    "fence",
    "attempt",
    "attempts",
    "executors_lost",
    "holder",
    "request_id",
    "expired",
    "resting",
)


def _staged(row: dict[str, Any]) -> StagedFacts:
    return StagedFacts(**{name: row[name] for name in StagedFacts.__dataclass_fields__})


def _files(rows: Iterable[dict[str, Any]]) -> dict[FileKey, FileFacts]:
    return {
        (row["uri"], row["generation"]): FileFacts(**{name: row[name] for name in FileFacts.__dataclass_fields__})
        for row in rows
    }
