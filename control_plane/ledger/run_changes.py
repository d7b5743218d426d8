"""What of an ingestion's columns a run changed, or asks to change, as part of what is read of runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, literal_column
from sqlalchemy.dialects.postgresql import JSONB

from control_plane.domain.schema import Change, ChangeKind, ChangeState, SchemaChange

# Those that a version has of the run, and those that a person is or was asked about.
CHANGES_OF_RUN: ColumnElement[Any] = literal_column(
    """(
        SELECT coalesce(jsonb_agg(told), '[]')
        FROM (
            SELECT made.kind, made.path, made.old_type, made.new_type, made.file_id, 'APPLIED' AS state,
                CAST(NULL AS bigint) AS change_id, schema_versions.version, schema_versions.create_time
            FROM schema_versions, jsonb_to_recordset(schema_versions.changes) AS made (
                kind text, path text, old_type text, new_type text, file_id bigint
            )
            WHERE schema_versions.ingestion_id = runs.ingestion_id
              AND schema_versions.run_id = runs.run_id
            UNION ALL
            SELECT kind, path, old_type, new_type, file_id, state, change_id, version, create_time
            FROM schema_changes
            WHERE schema_changes.ingestion_id = runs.ingestion_id
              AND schema_changes.run_id = runs.run_id
            ORDER BY create_time, change_id, path
            LIMIT 100
        ) AS told
    )""",
    type_=JSONB,
).label("schema_changes")


def change_of_run(document: Mapping[str, Any], run_id: int) -> SchemaChange:
    return SchemaChange(
        change=Change(
            kind=ChangeKind(document["kind"]),
            path=document["path"],
            old_type=document["old_type"],
            new_type=document["new_type"],
        ),
        state=ChangeState(document["state"]),
        create_time=datetime.fromisoformat(document["create_time"]),
        change_id=document["change_id"],
        file_id=document["file_id"],
        run_id=run_id,
        version=document["version"],
    )
