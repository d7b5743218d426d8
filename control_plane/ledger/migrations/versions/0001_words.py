"""Makes the ledger: every table that tables.py has at the start."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "files",
        sa.Column("ingestion_id", sa.BigInteger(), nullable=False),
        sa.Column("file_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("modification_time_ns", sa.BigInteger(), nullable=False),
        sa.Column(
            "discover_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("records_written", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("records_rejected", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("snapshot_id", sa.BigInteger(), nullable=True),
        sa.Column("lease_id", sa.Uuid(), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("error_retryable", sa.Boolean(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(collation="C"), nullable=False),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("error_category", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("error_cause", sa.Text(), nullable=True),
        sa.CheckConstraint("(state = 'LEASED') = (lease_id IS NOT NULL)", name="files_leased_has_lease"),
        sa.CheckConstraint(
            "state IN ('PENDING', 'LEASED', 'PROCESSED', 'FAILED', 'MISSING', 'SKIPPED')",
            name="files_state",
        ),
        sa.PrimaryKeyConstraint("ingestion_id", "uri", "generation"),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index("files_by_id", "files", ["ingestion_id", "file_id"], unique=True)
    op.create_index(
        "files_leased",
        "files",
        ["lease_id"],
        unique=False,
        postgresql_where=sa.text("lease_id IS NOT NULL"),
    )
    op.create_index(
        "files_not_loaded",
        "files",
        ["ingestion_id", "file_id"],
        unique=False,
        postgresql_where=sa.text("state IN ('FAILED', 'MISSING')"),
    )
    op.create_index(
        "files_pending",
        "files",
        ["ingestion_id", "file_id"],
        unique=False,
        postgresql_where=sa.text("state = 'PENDING'"),
    )
    op.create_table(
        "ingestions",
        sa.Column("ingestion_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant", sa.Text(collation="C"), nullable=False),
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("labels", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("pool", sa.Text(collation="C"), nullable=False),
        sa.Column("config", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column(
            "create_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "update_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("delete_time", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('ACTIVE', 'PAUSED')", name="ingestions_state"),
        sa.PrimaryKeyConstraint("ingestion_id"),
        sa.UniqueConstraint("tenant", "id", name="ingestions_by_id"),
    )
    op.create_table(
        "requests",
        sa.Column("tenant", sa.Text(collation="C"), nullable=False),
        sa.Column("method", sa.Text(collation="C"), nullable=False),
        sa.Column("request_id", sa.Text(collation="C"), nullable=False),
        sa.Column("payload_hash", sa.LargeBinary(), nullable=False),
        sa.Column("response", sa.LargeBinary(), nullable=False),
        sa.Column(
            "create_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("tenant", "method", "request_id"),
    )
    op.create_index("requests_by_age", "requests", ["create_time"], unique=False)
    op.create_table(
        "secrets",
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "ingestion_counters",
        sa.Column("ingestion_id", sa.BigInteger(), nullable=False),
        sa.Column("counter", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(
            ["ingestion_id"],
            ["ingestions.ingestion_id"],
        ),
        sa.PrimaryKeyConstraint("ingestion_id", "counter", "labels"),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_table(
        "ingestion_totals",
        sa.Column("ingestion_id", sa.BigInteger(), nullable=False),
        sa.Column("files_discovered", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("files_processed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("files_failed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("files_skipped", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("files_missing", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("records_written", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("records_rejected", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("bytes_read", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("listing_requests", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease_expirations", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("leases_fenced", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_success_time", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["ingestion_id"],
            ["ingestions.ingestion_id"],
        ),
        sa.PrimaryKeyConstraint("ingestion_id"),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_table(
        "runs",
        sa.Column("run_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("ingestion_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column(
            "create_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lister", sa.Uuid(), nullable=True),
        sa.Column("listing_deadline", sa.DateTime(timezone=True), nullable=True),
        sa.Column("list_end_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("listing_requests", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("objects_listed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("files_discovered", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("files_processed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("files_failed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("files_skipped", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("files_missing", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("records_written", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("records_rejected", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("bytes_read", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("error", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "errors",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.Column(
            "warnings",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.Column(
            "snapshot_ids",
            postgresql.ARRAY(sa.BigInteger()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "state IN ('PENDING', 'RUNNING', 'SUCCEEDED', 'PARTIALLY_SUCCEEDED', 'FAILED', 'CANCELLED')",
            name="runs_state",
        ),
        sa.ForeignKeyConstraint(
            ["ingestion_id"],
            ["ingestions.ingestion_id"],
        ),
        sa.PrimaryKeyConstraint("run_id"),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index(
        "runs_active",
        "runs",
        ["ingestion_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('PENDING', 'RUNNING')"),
    )
    op.create_index("runs_newest", "runs", ["ingestion_id", "run_id"], unique=False)
    op.create_table(
        "schema_versions",
        sa.Column("ingestion_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("columns", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "create_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["ingestion_id"],
            ["ingestions.ingestion_id"],
        ),
        sa.PrimaryKeyConstraint("ingestion_id", "version"),
    )
    op.create_table(
        "leases",
        sa.Column("lease_id", sa.Uuid(), nullable=False),
        sa.Column("ingestion_id", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("pool", sa.Text(collation="C"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempt", sa.Uuid(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("begun", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "not_before",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("file_count", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("records_written", postgresql.ARRAY(sa.BigInteger()), nullable=True),
        sa.Column("exceptions", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("warnings", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("error", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "offer_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(holder IS NULL OR state IN ('HELD', 'STAGED')) AND (holder IS NOT NULL OR state <> 'HELD')",
            name="leases_holder",
        ),
        sa.CheckConstraint(
            "state IN ('OFFERED', 'HELD', 'STAGED', 'PUBLISHED', 'IN_DOUBT', 'ABANDONED', 'FAILED')",
            name="leases_state",
        ),
        sa.ForeignKeyConstraint(
            ["ingestion_id"],
            ["ingestions.ingestion_id"],
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["runs.run_id"],
        ),
        sa.PrimaryKeyConstraint("lease_id"),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index("leases_by_run", "leases", ["run_id", "state"], unique=False)
    op.create_index(
        "leases_held",
        "leases",
        ["deadline"],
        unique=False,
        postgresql_where=sa.text("holder IS NOT NULL"),
    )
    op.create_index(
        "leases_waiting",
        "leases",
        ["pool", "not_before", "lease_id"],
        unique=False,
        postgresql_where=sa.text("state IN ('OFFERED', 'STAGED')"),
    )
    op.create_table(
        "attempts",
        sa.Column("attempt", sa.Uuid(), nullable=False),
        sa.Column("lease_id", sa.Uuid(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column(
            "acquire_time",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["lease_id"],
            ["leases.lease_id"],
        ),
        sa.PrimaryKeyConstraint("attempt"),
    )
    op.create_index("attempts_by_lease", "attempts", ["lease_id"], unique=False)
    op.create_table(
        "staged_tables",
        sa.Column("lease_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Uuid(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("table_uuid", sa.Text(), nullable=False),
        sa.Column("base_snapshot_id", sa.BigInteger(), nullable=False),
        sa.Column("staged_snapshot_id", sa.BigInteger(), nullable=False),
        sa.Column("records_added", sa.BigInteger(), nullable=False),
        sa.Column("published_snapshot_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("purpose IN ('ROWS')", name="staged_tables_purpose"),
        sa.ForeignKeyConstraint(
            ["lease_id"],
            ["leases.lease_id"],
        ),
        sa.PrimaryKeyConstraint("lease_id", "purpose"),
    )
