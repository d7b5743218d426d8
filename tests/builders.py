"""Objects of the control plane in one line each; what a test does not name is valid and of no matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from autoloader.v1 import ingestions_pb2 as pb

from control_plane.domain.figures import Figures, IngestionFigures
from control_plane.domain.file import FileState
from control_plane.domain.format import Format, FormatKind
from control_plane.domain.ingestion import (
    Column,
    Credentials,
    CredentialsKind,
    Destination,
    Ingestion,
    LoadPolicy,
    MetadataColumn,
    S3Options,
    SchemaPolicy,
    Source,
    StoredIngestion,
)
from control_plane.domain.lease import LeaseState
from control_plane.domain.run import RunState, Trigger

SOME_TIME = datetime(2026, 1, 31, 12, tzinfo=UTC)


def an_ingestion(
    id: str = "orders",
    *,
    uri: str = "s3://bucket/orders",
    pattern: str = "",
    exclude: Sequence[str] = (),
    s3: S3Options | None = None,
    credentials: Credentials | None = None,
    table: str = "sales.orders",
    table_properties: Mapping[str, str] | None = None,
    metadata_columns: Sequence[MetadataColumn] = (),
    columns: Sequence[Column] = (),
    schema: SchemaPolicy | None = None,
    load: LoadPolicy | None = None,
    display_name: str = "",
    labels: Mapping[str, str] | None = None,
    pool: str = "default",
) -> Ingestion:
    return Ingestion(
        id=id,
        source=Source(uri=uri, pattern=pattern, exclude=tuple(exclude), s3=s3, credentials=credentials),
        format=Format(kind=FormatKind.JSON),
        destination=Destination(
            table=table, table_properties=table_properties or {}, metadata_columns=tuple(metadata_columns)
        ),
        columns=tuple(columns),
        schema=schema or SchemaPolicy(),
        load=load or LoadPolicy(),
        display_name=display_name,
        labels=labels or {},
        pool=pool,
    )


def static_credentials(*, access_key_id: str = "AKIA", sealed: bytes = b"sealed") -> Credentials:
    return Credentials(kind=CredentialsKind.STATIC, access_key_id=access_key_id, sealed=sealed)


def a_stored_ingestion(ingestion: Ingestion | None = None, *, revision: int = 1) -> StoredIngestion:
    return StoredIngestion(
        ingestion_id=1,
        ingestion=ingestion or an_ingestion(),
        revision=revision,
        create_time=SOME_TIME,
        update_time=SOME_TIME,
    )


def an_ingestion_message(
    *,
    uri: str = "s3://bucket/orders",
    table: str = "sales.orders",
    display_name: str = "",
    labels: Mapping[str, str] | None = None,
    static_keys: pb.StaticKeys | None = None,
) -> pb.Ingestion:
    message = pb.Ingestion(
        display_name=display_name,
        labels=labels or {},
        source=pb.Source(uri=uri),
        format=pb.Format(json=pb.JsonFormat()),
        destination=pb.Destination(table=table),
    )
    if static_keys:
        message.source.credentials.static_keys.CopyFrom(static_keys)
    return message


def some_figures() -> Figures:
    """Figures of two ingestions: one with something of everything, one with nothing."""
    orders = IngestionFigures(
        ingestion="orders",
        files={FileState.PROCESSED: 7, FileState.FAILED: 1},
        records_written=70,
        records_rejected=3,
        bytes_read=700,
        runs={(RunState.SUCCEEDED, Trigger.MANUAL): 2},
        file_errors={"DATA_MALFORMED": 1},
        listing_requests=9,
        lease_expirations=1,
        leases_fenced=2,
        files_pending=4,
        oldest_pending_time=SOME_TIME,
        last_success_time=SOME_TIME,
    )
    return Figures(ingestions=(orders, IngestionFigures(ingestion="empty")), leases={LeaseState.HELD: 1})
