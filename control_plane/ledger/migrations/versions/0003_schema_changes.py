"""Tells of each schema version where it comes from, and holds changes of columns until a person decides about them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

_JSON = postgresql.JSONB(astext_type=sa.Text())
_TIME = sa.DateTime(timezone=True)
# Declared columns have been no version so far: they become the newest one.
_DECLARED = """
INSERT INTO schema_versions (ingestion_id, version, columns, origin, on_schema_change)
SELECT
    ingestions.ingestion_id, coalesce(max(schema_versions.version), 0) + 1, ingestions.config -> 'columns',
    'DECLARED', 'IGNORE'
FROM ingestions
LEFT JOIN schema_versions ON schema_versions.ingestion_id = ingestions.ingestion_id
WHERE jsonb_array_length(ingestions.config -> 'columns') > 0
GROUP BY ingestions.ingestion_id
"""


def upgrade() -> None:
    for column in (
        sa.Column("origin", sa.Text(), server_default="INFERRED", nullable=False),
        sa.Column("on_schema_change", sa.Text(), server_default="APPEND_NEW_COLUMNS", nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("changes", _JSON, server_default="[]", nullable=False),
        sa.Column("change_count", sa.BigInteger(), server_default="0", nullable=False),
    ):
        op.add_column("schema_versions", column)
    op.create_check_constraint(
        "schema_versions_origin", "schema_versions", "origin IN ('DECLARED', 'INFERRED', 'EVOLVED', 'ACCEPTED')"
    )
    op.add_column("leases", sa.Column("held_changes", _JSON, nullable=True))
    _create_changes()
    op.execute(_DECLARED)


def _create_changes() -> None:
    op.create_table(
        "schema_changes",
        sa.Column("ingestion_id", sa.BigInteger(), nullable=False),
        sa.Column("change_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("change_key", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("old_type", sa.Text(), nullable=False),
        sa.Column("new_type", sa.Text(), nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("create_time", _TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("resolve_time", _TIME, nullable=True),
        sa.ForeignKeyConstraint(["ingestion_id"], ["ingestions.ingestion_id"]),
        sa.PrimaryKeyConstraint("ingestion_id", "change_id"),
        sa.UniqueConstraint("ingestion_id", "change_key", name="schema_changes_by_key"),
        sa.CheckConstraint("state IN ('HELD', 'APPLIED', 'REJECTED')", name="schema_changes_state"),
    )
    op.create_table(
        "waiting_files",
        sa.Column("ingestion_id", sa.BigInteger(), nullable=False),
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ingestion_id", "change_id", "file_id"),
    )
    op.create_index("waiting_files_by_file", "waiting_files", ["ingestion_id", "file_id"])
