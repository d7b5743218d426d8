"""An ingestion: what to load, from where, into which table, and by what policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from control_plane.domain.format import Format

DEFAULT_TENANT = "default"
DEFAULT_POOL = "default"


class IngestionState(StrEnum):
    """Whether an ingestion accepts runs."""

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Options:
    """How an S3 server is reached; `path_style` None means true with an endpoint, else false."""

    endpoint: str = ""
    region: str = ""
    path_style: bool | None = None


class CredentialsKind(StrEnum):
    """Where the keys of a store come from."""

    STATIC = "STATIC"
    ENVIRONMENT = "ENVIRONMENT"
    FILE = "FILE"
    DEFAULT_CHAIN = "DEFAULT_CHAIN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """With what rights a store is read: static keys, or a reference that each service resolves for itself.

    `sealed` is the vault's seal over the secrets of static keys; it is never shown.
    """

    kind: CredentialsKind
    access_key_id: str = ""
    sealed: bytes = field(default=b"", repr=False)
    access_key_id_variable: str = ""
    secret_access_key_variable: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the files are; an empty pattern matches everything."""

    uri: str
    pattern: str = ""
    exclude: tuple[str, ...] = ()
    s3: S3Options | None = None
    credentials: Credentials | None = None


class MetadataKind(StrEnum):
    """What a column says that no file has."""

    SOURCE_FILE = "SOURCE_FILE"
    SOURCE_MODIFICATION_TIME = "SOURCE_MODIFICATION_TIME"
    LOAD_TIME = "LOAD_TIME"
    RUN = "RUN"

    @property
    def default_name(self) -> str:
        """The name of such a column where none is given."""
        return f"_{self.lower()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataColumn:
    """A column that says where its rows come from, by its name."""

    kind: MetadataKind
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where the rows go; the properties are set when Autoloader creates the table."""

    table: str
    table_properties: Mapping[str, str] = field(default_factory=dict)
    metadata_columns: tuple[MetadataColumn, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column by its exact name and its SQL type in Spark's spelling, such as `array<bigint>`."""

    name: str
    type: str


class OnSchemaChange(StrEnum):
    """What to do with what files have and the columns lack."""

    APPEND_NEW_COLUMNS = "APPEND_NEW_COLUMNS"
    IGNORE = "IGNORE"
    FAIL = "FAIL"


class SchemaCheck(StrEnum):
    """How thoroughly files are searched for what the columns lack."""

    FULL = "FULL"
    SAMPLE = "SAMPLE"
    OFF = "OFF"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaPolicy:
    """How columns come about beside those declared; None stands for the default in both fields."""

    hints: tuple[Column, ...] = ()
    on_schema_change: OnSchemaChange | None = None
    schema_check: SchemaCheck | None = None


class OnBadRecord(StrEnum):
    """What to do with records that cannot be read."""

    FAIL_FILE = "FAIL_FILE"
    KEEP_ASIDE = "KEEP_ASIDE"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPolicy:
    """How the work is cut, how often it is tried, and what is left out; 0 and None stand for the defaults."""

    max_files_per_lease: int = 0
    max_bytes_per_lease: int = 0
    max_attempts: int = 0
    on_bad_record: OnBadRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingestion:
    """An ingestion as the user configured it. `columns` empty: inferred once, from the first files."""

    id: str
    source: Source
    format: Format
    destination: Destination
    columns: tuple[Column, ...] = ()
    schema: SchemaPolicy = field(default_factory=SchemaPolicy)
    load: LoadPolicy = field(default_factory=LoadPolicy)
    tenant: str = DEFAULT_TENANT
    display_name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    state: IngestionState = IngestionState.ACTIVE
    pool: str = DEFAULT_POOL

    @property
    def on_schema_change(self) -> OnSchemaChange:
        """The policy in force: who declares columns means those, unless another is asked for."""
        default = OnSchemaChange.IGNORE if self.columns else OnSchemaChange.APPEND_NEW_COLUMNS
        return self.schema.on_schema_change or default

    @property
    def fixed_columns(self) -> tuple[str, ...]:
        """Names of the columns that no file changes."""
        return tuple(column.name for column in (*self.columns, *self.schema.hints))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredIngestion:
    """An ingestion as the ledger has it. `revision` grows with each change; `last_run_id` is None before any run."""

    ingestion_id: int
    ingestion: Ingestion
    revision: int
    create_time: datetime
    update_time: datetime
    last_run_id: int | None = None
