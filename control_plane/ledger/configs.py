"""An ingestion's configuration as the ledger's JSON columns hold it, with what is sealed in a column of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from control_plane.domain.format import Format, FormatKind
from control_plane.domain.ingestion import (
    Column,
    Credentials,
    CredentialsKind,
    Destination,
    Ingestion,
    LoadPolicy,
    MetadataColumn,
    MetadataKind,
    OnBadRecord,
    S3Options,
    Source,
)
from control_plane.ledger import schemas


def config_of(ingestion: Ingestion) -> dict[str, Any]:
    """The configuration, without what is sealed."""
    source = asdict(ingestion.source)
    if source["credentials"]:
        del source["credentials"]["sealed"]
    return {
        "source": source,
        "format": asdict(ingestion.format),
        "destination": asdict(ingestion.destination),
        "columns": [asdict(column) for column in ingestion.columns],
        "schema": asdict(ingestion.schema),
        "load": asdict(ingestion.load),
    }


def sealed_of(ingestion: Ingestion) -> bytes | None:
    credentials = ingestion.source.credentials
    return credentials.sealed if credentials and credentials.sealed else None


def configured(config: Mapping[str, Any], sealed: bytes | None, **beside: Any) -> Ingestion:
    """The ingestion of a configuration; `beside` are the fields that are no part of it."""
    return Ingestion(
        source=_source(config["source"], sealed),
        format=_format(config["format"]),
        destination=_destination(config["destination"]),
        columns=tuple(Column(**column) for column in config["columns"]),
        schema=schemas.policy_from(config.get("schema")),
        load=_load(config["load"]),
        **beside,
    )


def _destination(config: Mapping[str, Any]) -> Destination:
    wanted = config.get("metadata_columns", ())
    columns = tuple(MetadataColumn(kind=MetadataKind(one["kind"]), name=one["name"]) for one in wanted)
    return Destination(**{**config, "metadata_columns": columns})


def _load(config: Mapping[str, Any]) -> LoadPolicy:
    on_bad_record = config.get("on_bad_record")
    return LoadPolicy(**{**config, "on_bad_record": OnBadRecord(on_bad_record) if on_bad_record else None})


def _format(config: Mapping[str, Any] | str) -> Format:
    """Formats without options were stored by their kind alone."""
    if isinstance(config, str):
        return Format(kind=FormatKind(config))
    return Format(**{**config, "kind": FormatKind(config["kind"])})


def _source(config: Mapping[str, Any], sealed: bytes | None) -> Source:
    credentials = config["credentials"]
    return Source(
        uri=config["uri"],
        pattern=config["pattern"],
        exclude=tuple(config["exclude"]),
        s3=S3Options(**config["s3"]) if config["s3"] else None,
        credentials=Credentials(**{**credentials, "kind": CredentialsKind(credentials["kind"])}, sealed=sealed or b"")
        if credentials
        else None,
    )
