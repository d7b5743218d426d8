"""The words of the executor: a lease, what was staged for it, and what became of each file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from executor.metadata_columns import MetadataColumn
from executor.schema.words import Change, Column, SchemaTerms

if TYPE_CHECKING:
    from executor.previewed import PreviewWork


class Category(StrEnum):
    """Kinds of reasons for which a file does not load; the names of `ErrorCategory` in errors.proto."""

    AUTHENTICATION = "AUTHENTICATION"
    PERMISSION = "PERMISSION"
    BUCKET_NOT_FOUND = "BUCKET_NOT_FOUND"
    PATH_NOT_FOUND = "PATH_NOT_FOUND"
    DATA_MALFORMED = "DATA_MALFORMED"
    FORMAT_OPTIONS_INVALID = "FORMAT_OPTIONS_INVALID"
    SCHEMA_MISMATCH = "SCHEMA_MISMATCH"
    FILE_CHANGED = "FILE_CHANGED"
    FILE_MISSING = "FILE_MISSING"
    FILE_TOO_LARGE = "FILE_TOO_LARGE"
    NAME_UNSUPPORTED = "NAME_UNSUPPORTED"
    THROTTLED = "THROTTLED"
    CONNECTIVITY = "CONNECTIVITY"
    EXECUTOR_LOST = "EXECUTOR_LOST"
    SPARK_UNAVAILABLE = "SPARK_UNAVAILABLE"
    WRITE_FAILURE = "WRITE_FAILURE"
    CATALOG_UNAVAILABLE = "CATALOG_UNAVAILABLE"
    PUBLISH_IN_DOUBT = "PUBLISH_IN_DOUBT"
    TABLE_SEALED = "TABLE_SEALED"
    TABLE_REPLACED = "TABLE_REPLACED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why something did not load: a kind, a sentence for a person, the raw text apart."""

    category: Category
    message: str
    cause: str = ""
    retryable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasedFile:
    """A file as the control plane listed it; `uri` is exact, never percent-encoded (`file:///a b.json`)."""

    uri: str
    size_bytes: int
    etag: str
    modification_time_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Access:
    """How an S3 server is reached; empty strings mean the default of the client. No keys: the default chain."""

    endpoint: str = ""
    region: str = ""
    path_style: bool = False
    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may show."""
        return (self.access_key_id, self.secret_access_key, self.session_token)


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """How files are read: a kind and its options by their names in the API, as far as they are set, and Spark's own."""

    kind: str
    options: Mapping[str, str | bool] = field(default_factory=dict)
    reader_options: Mapping[str, str] = field(default_factory=dict)


class OnBadRecord(StrEnum):
    """What to do with records that cannot be read; the names of `LoadPolicy.OnBadRecord`."""

    FAIL_FILE = "FAIL_FILE"
    KEEP_ASIDE = "KEEP_ASIDE"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadWork:
    """Files to load into a table. No columns: infer them and propose them.

    The ledger knows every lease in main up to `verified_snapshot_id`; 0 when it never looked.
    """

    source_uri: str
    s3: S3Access
    format: Format
    table: str
    table_properties: dict[str, str]
    columns: tuple[Column, ...]
    files: tuple[LeasedFile, ...]
    verified_snapshot_id: int = 0
    schema: SchemaTerms = field(default_factory=SchemaTerms)
    on_bad_record: OnBadRecord = OnBadRecord.FAIL_FILE
    metadata_columns: tuple[MetadataColumn, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedTable:
    """A staged snapshot and what its table looked like then; ids are 0 when there were no rows."""

    table: str
    table_uuid: str = ""
    base_snapshot_id: int = 0
    staged_snapshot_id: int = 0
    records_added: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejects:
    """What was staged of records that are kept aside, and their number in each file, in the lease's order."""

    staged: StagedTable
    records: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishWork:
    """What was staged of a lease and counts; `rejects` is None when no record is kept aside."""

    rows: StagedTable
    rejects: StagedTable | None = None

    @property
    def tables(self) -> tuple[StagedTable, ...]:
        """In the order in which they are published."""
        return (self.rows, self.rejects) if self.rejects else (self.rows,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A lease as acquired; a preview is of no run.

    `alone`: executors died with it, and nothing else is to be worked on beside it.
    """

    id: str
    fence: int
    attempt: str
    run: str
    ttl_seconds: float
    work: LoadWork | PublishWork | PreviewWork
    alone: bool = False

    @property
    def ingestion(self) -> str:
        """The id of the ingestion, out of `ingestions/{ingestion}/runs/{run}`."""
        return self.run.split("/")[1]


class Outcome(StrEnum):
    """The ways in which a file yields no rows."""

    FAILED = "FAILED"
    MISSING = "MISSING"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOutcome:
    """What became of the file at `index` of its lease, when it yields no rows."""

    index: int
    outcome: Outcome
    failure: Failure
    records_rejected: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownField:
    """A field that files have and the schema lacks, by its path, with the number of records seen that had it."""

    path: str
    record_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """All that StageLease says.

    `records_written` has one count a file, in the lease's order; they sum to `staged.records_added`.
    The ledger must know each of `leases_in_main`, else it forgot what it loaded. `held_changes` wait for a person, each
    with the indexes of the files that were failed for it.
    """

    staged: StagedTable
    records_written: tuple[int, ...]
    exceptions: tuple[FileOutcome, ...]
    unknown_fields: tuple[UnknownField, ...]
    leases_in_main: tuple[str, ...] = ()
    held_changes: Mapping[Change, Sequence[int]] = field(default_factory=dict)
    rejects: Rejects | None = None

    @property
    def to_publish(self) -> PublishWork:
        return PublishWork(rows=self.staged, rejects=self.rejects.staged if self.rejects else None)
