"""Ingestions. Secrets go in, sealed on the way, and never out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from autoloader.v1 import ingestions_pb2 as pb

from control_plane.api.convert.destination import destination_from_proto, destination_to_proto
from control_plane.api.convert.load import load_from_proto, load_to_proto
from control_plane.api.convert.schema import columns_from_proto, schema_from_proto, schema_to_proto
from control_plane.api.names import ingestion_name, run_name
from control_plane.domain.format import Format, FormatKind
from control_plane.domain.ingestion import (
    DEFAULT_POOL,
    Credentials,
    CredentialsKind,
    Ingestion,
    IngestionState,
    S3Options,
    Source,
    StoredIngestion,
)

Seal = Callable[[pb.StaticKeys], bytes]


def stored_to_proto(stored: StoredIngestion) -> pb.Ingestion:
    ingestion = stored.ingestion
    result = ingestion_to_proto(ingestion)
    result.etag = etag_of(stored)
    result.create_time.FromDatetime(stored.create_time)
    result.update_time.FromDatetime(stored.update_time)
    if stored.last_run_id is not None:
        result.last_run = run_name(ingestion.id, stored.last_run_id)
    return result


def ingestion_to_proto(ingestion: Ingestion) -> pb.Ingestion:
    return pb.Ingestion(
        name=ingestion_name(ingestion.id),
        display_name=ingestion.display_name,
        labels=dict(ingestion.labels),
        state=pb.Ingestion.State.Value("STATE_" + ingestion.state),
        source=source_to_proto(ingestion.source),
        format=format_to_proto(ingestion.format),
        destination=destination_to_proto(ingestion.destination),
        schema=schema_to_proto(ingestion),
        load=load_to_proto(ingestion.load),
        pool=ingestion.pool,
    )


def etag_of(stored: StoredIngestion) -> str:
    """Gives the opaque tag of a revision; equal for no two revisions of any two ingestions."""
    revision = f"{stored.ingestion_id}/{stored.revision}"
    return f'"{hashlib.sha256(revision.encode()).hexdigest()[:16]}"'


def source_to_proto(source: Source) -> pb.Source:
    return pb.Source(
        uri=source.uri,
        pattern=source.pattern,
        exclude=source.exclude,
        s3=_s3_to_proto(source.s3) if source.s3 else None,
        credentials=_credentials_to_proto(source.credentials) if source.credentials else None,
    )


def _s3_to_proto(s3: S3Options) -> pb.S3Options:
    return pb.S3Options(endpoint=s3.endpoint, region=s3.region, path_style=s3.path_style)


def _credentials_to_proto(credentials: Credentials) -> pb.Credentials:
    match credentials.kind:
        case CredentialsKind.STATIC:
            keys = pb.StaticKeys(access_key_id=credentials.access_key_id)
            return pb.Credentials(static_keys=keys)
        case CredentialsKind.ENVIRONMENT:
            variables = pb.EnvironmentKeys(
                access_key_id_variable=credentials.access_key_id_variable,
                secret_access_key_variable=credentials.secret_access_key_variable,
            )
            return pb.Credentials(environment=variables)
        case CredentialsKind.FILE:
            return pb.Credentials(file=pb.FileKeys(path=credentials.path))
        case CredentialsKind.DEFAULT_CHAIN:
            return pb.Credentials(default_chain=pb.DefaultChain())


def format_to_proto(format: Format) -> pb.Format:
    message = pb.Format(reader_options=dict(format.reader_options))
    of_kind = getattr(message, format.kind.lower())
    of_kind.SetInParent()
    for name, value in format.options.items():
        setattr(of_kind, name, value)
    return message


def format_from_proto(message: pb.Format) -> Format | None:
    """None for a kind that is not set, or that only a newer server knows."""
    kind = message.WhichOneof("kind")
    if kind is None:
        return None
    options = {field.name: value for field, value in getattr(message, kind).ListFields()}
    return Format(kind=FormatKind(kind.upper()), options=options, reader_options=dict(message.reader_options))


def ingestion_from_proto(
    message: pb.Ingestion, *, id: str, tenant: str, state: IngestionState, seal: Seal
) -> Ingestion:
    """Reads a configuration as it was sent, unchecked; a format that is none becomes JSON."""
    return Ingestion(
        id=id,
        tenant=tenant,
        state=state,
        display_name=message.display_name,
        labels=dict(message.labels),
        source=_source_from_proto(message.source, seal),
        format=format_from_proto(message.format) or Format(kind=FormatKind.JSON),
        destination=destination_from_proto(message.destination),
        columns=columns_from_proto(message.schema.columns),
        schema=schema_from_proto(message.schema),
        load=load_from_proto(message.load),
        pool=message.pool or DEFAULT_POOL,
    )


def _source_from_proto(message: pb.Source, seal: Seal) -> Source:
    return Source(
        uri=message.uri,
        pattern=message.pattern,
        exclude=tuple(message.exclude),
        s3=_s3_from_proto(message.s3) if message.HasField("s3") else None,
        credentials=_credentials_from_proto(message.credentials, seal),
    )


def _s3_from_proto(message: pb.S3Options) -> S3Options:
    return S3Options(
        endpoint=message.endpoint,
        region=message.region,
        path_style=message.path_style if message.HasField("path_style") else None,
    )


def _credentials_from_proto(message: pb.Credentials, seal: Seal) -> Credentials | None:
    match message.WhichOneof("kind"):
        case "static_keys":
            return Credentials(
                kind=CredentialsKind.STATIC,
                access_key_id=message.static_keys.access_key_id,
                sealed=seal(message.static_keys),
            )
        case "environment":
            return Credentials(
                kind=CredentialsKind.ENVIRONMENT,
                access_key_id_variable=message.environment.access_key_id_variable,
                secret_access_key_variable=message.environment.secret_access_key_variable,
            )
        case "file":
            return Credentials(kind=CredentialsKind.FILE, path=message.file.path)
        case "default_chain":
            return Credentials(kind=CredentialsKind.DEFAULT_CHAIN)
        case _:
            return None
