"""The tables of the ledger, as SQLAlchemy knows them; migrations/ makes them, and a test holds the two together."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData()

# Names compare by bytes: the order in which S3 lists them, whatever the database's locale.
BYTES = Text(collation="C")
TIME = DateTime(timezone=True)


def _count(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=text("0"))


def _now(name: str) -> Column[object]:
    return Column(name, TIME, nullable=False, server_default=func.now())


def _one_of(name: str, column: str, *values: str) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(value) for value in values)})", name=name)


ingestions = Table(
    "ingestions",
    metadata,
    Column("ingestion_id", BigInteger, Identity(always=True), primary_key=True),
    Column("tenant", BYTES, nullable=False),
    Column("id", BYTES, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("labels", JSONB, nullable=False),
    Column("state", Text, nullable=False),
    Column("pool", BYTES, nullable=False),
    Column("config", JSONB, nullable=False),
    Column("sealed", LargeBinary),
    Column("revision", BigInteger, nullable=False, server_default=text("1")),
    _now("create_time"),
    _now("update_time"),
    Column("delete_time", TIME),
    UniqueConstraint("tenant", "id", name="ingestions_by_id"),
    _one_of("ingestions_state", "state", "ACTIVE", "PAUSED"),
)

# Figures since the beginning, raised in the transaction that changes what they count: the source of the metrics.
ingestion_totals = Table(
    "ingestion_totals",
    metadata,
    Column("ingestion_id", BigInteger, ForeignKey("ingestions.ingestion_id"), primary_key=True),
    _count("files_discovered"),
    _count("files_processed"),
    _count("files_failed"),
    _count("files_skipped"),
    _count("files_missing"),
    _count("records_written"),
    _count("records_rejected"),
    _count("bytes_read"),
    _count("listing_requests"),
    _count("lease_expirations"),
    _count("leases_fenced"),
    Column("last_success_time", TIME),
    postgresql_with={"fillfactor": "70"},
)

# Counters whose labels are not columns: runs by state and trigger, file errors by category.
ingestion_counters = Table(
    "ingestion_counters",
    metadata,
    Column("ingestion_id", BigInteger, ForeignKey("ingestions.ingestion_id"), nullable=False),
    Column("counter", Text, nullable=False),
    Column("labels", Text, nullable=False),
    _count("value"),
    PrimaryKeyConstraint("ingestion_id", "counter", "labels"),
    postgresql_with={"fillfactor": "70"},
)

schema_versions = Table(
    "schema_versions",
    metadata,
    Column("ingestion_id", BigInteger, ForeignKey("ingestions.ingestion_id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("columns", JSONB, nullable=False),
    _now("create_time"),
    Column("origin", Text, nullable=False, server_default="INFERRED"),
    Column("on_schema_change", Text, nullable=False, server_default="APPEND_NEW_COLUMNS"),
    Column("run_id", BigInteger),
    # The first of them, each with the file that showed it.
    Column("changes", JSONB, nullable=False, server_default="[]"),
    _count("change_count"),
    PrimaryKeyConstraint("ingestion_id", "version"),
    _one_of("schema_versions_origin", "origin", "DECLARED", "INFERRED", "EVOLVED", "ACCEPTED"),
)

# Changes that a person is asked about, or was; there is one decision a change, which its key names whole.
schema_changes = Table(
    "schema_changes",
    metadata,
    Column("ingestion_id", BigInteger, ForeignKey("ingestions.ingestion_id"), nullable=False),
    Column("change_id", BigInteger, Identity(always=True), nullable=False),
    Column("change_key", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("path", BYTES, nullable=False),
    Column("old_type", Text, nullable=False),
    Column("new_type", Text, nullable=False),
    Column("file_id", BigInteger, nullable=False),
    Column("run_id", BigInteger, nullable=False),
    Column("version", Integer),
    _now("create_time"),
    Column("resolve_time", TIME),
    PrimaryKeyConstraint("ingestion_id", "change_id"),
    UniqueConstraint("ingestion_id", "change_key", name="schema_changes_by_key"),
    _one_of("schema_changes_state", "state", "HELD", "APPLIED", "REJECTED"),
)

# Which files were failed for which change.
waiting_files = Table(
    "waiting_files",
    metadata,
    Column("ingestion_id", BigInteger, nullable=False),
    Column("change_id", BigInteger, nullable=False),
    Column("file_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("ingestion_id", "change_id", "file_id"),
    Index("waiting_files_by_file", "ingestion_id", "file_id"),
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", BigInteger, Identity(always=True), primary_key=True),
    Column("ingestion_id", BigInteger, ForeignKey("ingestions.ingestion_id"), nullable=False),
    Column("state", Text, nullable=False),
    Column("trigger", Text, nullable=False),
    _now("create_time"),
    Column("start_time", TIME),
    Column("end_time", TIME),
    Column("cancel_time", TIME),
    # Who lists the source now, and until when nobody else does.
    Column("lister", Uuid),
    Column("listing_deadline", TIME),
    Column("list_end_time", TIME),
    _count("listing_requests"),
    _count("objects_listed"),
    _count("files_discovered"),
    _count("files_processed"),
    _count("files_failed"),
    _count("files_skipped"),
    _count("files_missing"),
    _count("records_written"),
    _count("records_rejected"),
    _count("bytes_read"),
    Column("error", JSONB),
    Column("errors", JSONB, nullable=False, server_default=text("'[]'")),
    Column("warnings", JSONB, nullable=False, server_default=text("'[]'")),
    Column("snapshot_ids", ARRAY(BigInteger), nullable=False, server_default=text("'{}'")),
    Index("runs_newest", "ingestion_id", "run_id"),
    Index(
        "runs_active",
        "ingestion_id",
        unique=True,
        postgresql_where=text("state IN ('PENDING', 'RUNNING')"),
    ),
    _one_of(
        "runs_state",
        "state",
        "PENDING",
        "RUNNING",
        "SUCCEEDED",
        "PARTIALLY_SUCCEEDED",
        "FAILED",
        "CANCELLED",
    ),
    postgresql_with={"fillfactor": "70"},
)

files = Table(
    "files",
    metadata,
    Column("ingestion_id", BigInteger, nullable=False),
    Column("file_id", BigInteger, Identity(always=True), nullable=False),
    Column("run_id", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("modification_time_ns", BigInteger, nullable=False),
    _now("discover_time"),
    Column("end_time", TIME),
    _count("records_written"),
    _count("records_rejected"),
    Column("snapshot_id", BigInteger),
    Column("lease_id", Uuid),
    Column("generation", Integer, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("error_retryable", Boolean),
    Column("state", Text, nullable=False),
    Column("uri", BYTES, nullable=False),
    Column("etag", Text, nullable=False),
    Column("error_category", Text),
    Column("error_message", Text),
    Column("error_cause", Text),
    # With which it was loaded, alone or among others.
    Column("executors_lost", Integer, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("ingestion_id", "uri", "generation"),
    Index("files_by_id", "ingestion_id", "file_id", unique=True),
    Index("files_leased", "lease_id", postgresql_where=text("lease_id IS NOT NULL")),
    Index("files_pending", "ingestion_id", "file_id", postgresql_where=text("state = 'PENDING'")),
    Index(
        "files_not_loaded",
        "ingestion_id",
        "file_id",
        postgresql_where=text("state IN ('FAILED', 'MISSING')"),
    ),
    CheckConstraint("(state = 'LEASED') = (lease_id IS NOT NULL)", name="files_leased_has_lease"),
    _one_of("files_state", "state", "PENDING", "LEASED", "PROCESSED", "FAILED", "MISSING", "SKIPPED"),
    postgresql_with={"fillfactor": "70"},
)

leases = Table(
    "leases",
    metadata,
    Column("lease_id", Uuid, primary_key=True),
    Column("ingestion_id", BigInteger, ForeignKey("ingestions.ingestion_id"), nullable=False),
    Column("run_id", BigInteger, ForeignKey("runs.run_id"), nullable=False),
    Column("pool", BYTES, nullable=False),
    Column("state", Text, nullable=False),
    _count("fence"),
    Column("attempt", Uuid),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("begun", Boolean, nullable=False, server_default=text("false")),
    Column("max_attempts", Integer, nullable=False),
    Column("holder", Text),
    Column("request_id", Text),
    Column("deadline", TIME),
    _now("not_before"),
    Column("file_count", Integer, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    # What StageLease decided: a count a file in the order of file_id, and what became of those without rows.
    Column("records_written", ARRAY(BigInteger)),
    Column("records_rejected", ARRAY(BigInteger)),
    Column("exceptions", JSONB),
    Column("warnings", JSONB),
    Column("error", JSONB),
    _now("offer_time"),
    Column("end_time", TIME),
    # What StageLease said of changes that wait for a person, with the files by their ids.
    Column("held_changes", JSONB),
    # Those that died with its files before it was offered count too, but for one.
    Column("executors_lost", Integer, nullable=False, server_default=text("0")),
    Index(
        "leases_waiting",
        "pool",
        "not_before",
        "lease_id",
        postgresql_where=text("state IN ('OFFERED', 'STAGED')"),
    ),
    Index("leases_held", "deadline", postgresql_where=text("holder IS NOT NULL")),
    Index("leases_by_run", "run_id", "state"),
    CheckConstraint(
        "(holder IS NULL OR state IN ('HELD', 'STAGED')) AND (holder IS NOT NULL OR state <> 'HELD')",
        name="leases_holder",
    ),
    _one_of(
        "leases_state",
        "state",
        "OFFERED",
        "HELD",
        "STAGED",
        "PUBLISHED",
        "IN_DOUBT",
        "ABANDONED",
        "FAILED",
    ),
    postgresql_with={"fillfactor": "70"},
)

# One row for each table that a lease writes to.
staged_tables = Table(
    "staged_tables",
    metadata,
    Column("lease_id", Uuid, ForeignKey("leases.lease_id"), nullable=False),
    Column("purpose", Text, nullable=False),
    Column("attempt", Uuid, nullable=False),
    Column("table_name", Text, nullable=False),
    Column("table_uuid", Text, nullable=False),
    Column("base_snapshot_id", BigInteger, nullable=False),
    Column("staged_snapshot_id", BigInteger, nullable=False),
    Column("records_added", BigInteger, nullable=False),
    Column("published_snapshot_id", BigInteger),
    PrimaryKeyConstraint("lease_id", "purpose"),
    _one_of("staged_tables_purpose", "purpose", "ROWS", "REJECTS"),
)

# Head of main up to which every lease of a table is known, by the table's name as ingestions write it.
verified_heads = Table(
    "verified_heads",
    metadata,
    Column("table_name", BYTES, primary_key=True),
    Column("snapshot_id", BigInteger, nullable=False),
    postgresql_with={"fillfactor": "50"},
)

# Every hand-out there ever was: what tells a branch of ours from a stranger's.
attempts = Table(
    "attempts",
    metadata,
    Column("attempt", Uuid, primary_key=True),
    Column("lease_id", Uuid, ForeignKey("leases.lease_id"), nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("holder", Text, nullable=False),
    _now("acquire_time"),
    Index("attempts_by_lease", "lease_id"),
)

# Files that somebody waits to see read: no part of what is known of files, and forgotten within hours.
previews = Table(
    "previews",
    metadata,
    Column("preview_id", Uuid, primary_key=True),
    Column("tenant", BYTES, nullable=False),
    # Empty of one that is not stored.
    Column("ingestion", BYTES, nullable=False),
    Column("pool", BYTES, nullable=False),
    Column("config", JSONB, nullable=False),
    Column("sealed", LargeBinary),
    Column("terms", JSONB, nullable=False),
    _now("create_time"),
    # Until when somebody waits for it.
    Column("expire_time", TIME, nullable=False),
    Column("attempt", Uuid),
    Column("holder", Text),
    Column("request_id", Text),
    Column("deadline", TIME),
    Column("answer", LargeBinary),
    Index("previews_waiting", "pool", "create_time", postgresql_where=text("holder IS NULL")),
)

# Replies to calls with a request id, kept for 24 hours.
requests = Table(
    "requests",
    metadata,
    Column("tenant", BYTES, nullable=False),
    Column("method", BYTES, nullable=False),
    Column("request_id", BYTES, nullable=False),
    Column("payload_hash", LargeBinary, nullable=False),
    Column("response", LargeBinary, nullable=False),
    _now("create_time"),
    PrimaryKeyConstraint("tenant", "method", "request_id"),
    Index("requests_by_age", "create_time"),
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", BYTES, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
