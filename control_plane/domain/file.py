"""A file: one version of one object seen at a source, and the states it goes through."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class FileState(StrEnum):
    """States of a file; `FILE_MOVES` has the arrows."""

    PENDING = "PENDING"
    LEASED = "LEASED"
    PROCESSED = "PROCESSED"
    FAILED = "FAILED"
    MISSING = "MISSING"
    SKIPPED = "SKIPPED"


FILE_MOVES: dict[FileState, frozenset[FileState]] = {
    FileState.PENDING: frozenset(
        {FileState.LEASED, FileState.MISSING, FileState.PROCESSED, FileState.FAILED, FileState.SKIPPED}
    ),
    FileState.LEASED: frozenset({FileState.PROCESSED, FileState.FAILED, FileState.MISSING, FileState.PENDING}),
    FileState.FAILED: frozenset({FileState.PENDING, FileState.MISSING, FileState.PROCESSED, FileState.SKIPPED}),
    FileState.MISSING: frozenset({FileState.PENDING, FileState.PROCESSED, FileState.SKIPPED}),
    FileState.SKIPPED: frozenset({FileState.PENDING, FileState.MISSING, FileState.PROCESSED}),
}
SKIPPED_BY_PERSON = "SKIPPED_BY_PERSON"
# Causes outside the file: the next run takes such a file up again by itself.
OUTSIDE_CATEGORIES = frozenset(
    {
        "AUTHENTICATION",
        "PERMISSION",
        "BUCKET_NOT_FOUND",
        "PATH_NOT_FOUND",
        "THROTTLED",
        "CONNECTIVITY",
        "EXECUTOR_LOST",
        "SPARK_UNAVAILABLE",
        "WRITE_FAILURE",
        "CATALOG_UNAVAILABLE",
        "TABLE_SEALED",
        "TABLE_REPLACED",
    }
)


@dataclass(frozen=True, slots=True)
class ListedFile:
    """An object as a listing shows it. `uri` is exact and never percent-encoded: `s3://bucket/a b.json`.

    `modification_time_ns` counts nanoseconds since 1970 by the store's clock; `etag` is empty where the store has none.
    `unsupported` says why the name cannot be read, and is empty when it can.
    """

    uri: str
    size_bytes: int
    etag: str
    modification_time_ns: int
    unsupported: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadError:
    """Why a file or a run did not load: a kind, a sentence for a person, the raw text apart."""

    category: str
    message: str
    cause: str = ""
    retryable: bool = False
    file_id: int | None = None
    file_count: int = 0
    time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file as the ledger has it; `run_id` is the run that took it last, or that discovered it."""

    file_id: int
    ingestion: str
    uri: str
    generation: int
    state: FileState
    size_bytes: int
    etag: str
    modification_time_ns: int
    discover_time: datetime
    end_time: datetime | None
    run_id: int
    attempts: int
    records_written: int
    records_rejected: int
    snapshot_id: int
    error: LoadError | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSummary:
    """Files of one state, counted."""

    state: FileState
    file_count: int
    size_bytes: int
    records_written: int
    records_rejected: int
