"""Finds, or makes, the ingestion that loads what a person wants."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import grpc
from autoloader.v1 import ingestions_pb2 as pb
from google.protobuf.field_mask_pb2 import FieldMask

from control_plane.cli.client import reason_of
from control_plane.cli.wanted import Wanted
from control_plane.domain.uri import parse_uri

if TYPE_CHECKING:
    from autoloader.v1.ingestions_pb2_grpc import IngestionServiceAsyncStub

SLUG_LENGTH_MAX = 54
DIGEST_LENGTH = 8


async def ensure(ingestions: IngestionServiceAsyncStub, wanted: Wanted) -> str:
    """The name of the one ingestion that loads this source into this table, as it is wanted now.

    There must not be two of them: they would load each file twice.
    """
    for ingestion_id in ids_for(wanted):
        if name := await _create_or_adopt(ingestions, ingestion_id, wanted):
            return name
    raise AssertionError("the last id is taken by another table of the same digest")


def ids_for(wanted: Wanted) -> Iterator[str]:
    """The table's name, and for a second source of that table the same with a digest of both."""
    slug = re.sub("[^a-z0-9]+", "-", wanted.table.lower()).strip("-")
    slug = slug if slug[:1].isalpha() else f"t-{slug}"
    digest = hashlib.sha256(f"{wanted.source}\0{wanted.table}".encode()).hexdigest()
    yield slug[:SLUG_LENGTH_MAX]
    yield f"{slug[:SLUG_LENGTH_MAX]}-{digest[:DIGEST_LENGTH]}"


async def _create_or_adopt(ingestions: IngestionServiceAsyncStub, ingestion_id: str, wanted: Wanted) -> str | None:
    """None when the id belongs to another source or table, or to one that was deleted."""
    request = pb.CreateIngestionRequest(
        ingestion_id=ingestion_id, ingestion=wanted.ingestion(), request_id=str(uuid.uuid4())
    )
    try:
        return (await ingestions.CreateIngestion(request)).name
    except grpc.aio.AioRpcError as error:
        if reason_of(error) != "ALREADY_EXISTS":
            raise
    found = await _get(ingestions, f"ingestions/{ingestion_id}")
    if found is None or not _is_same(found, wanted):
        return None
    await _adapt(ingestions, found, wanted)
    return found.name


async def _get(ingestions: IngestionServiceAsyncStub, name: str) -> pb.Ingestion | None:
    try:
        return await ingestions.GetIngestion(pb.GetIngestionRequest(name=name))
    except grpc.aio.AioRpcError as error:
        if reason_of(error) != "NOT_FOUND":
            raise
        return None


def _is_same(found: pb.Ingestion, wanted: Wanted) -> bool:
    is_source = parse_uri(found.source.uri) == parse_uri(wanted.source)
    return is_source and found.destination.table == wanted.table


async def _adapt(ingestions: IngestionServiceAsyncStub, found: pb.Ingestion, wanted: Wanted) -> None:
    """Another pattern, option or way to the same bucket is another wish about one ingestion."""
    ingestion = wanted.ingestion()
    ingestion.name, ingestion.etag = found.name, found.etag
    said = {
        "format": wanted.says_format,
        "load.on_bad_record": wanted.on_bad_record is not None,
        "destination.metadata_columns": bool(wanted.metadata_columns),
    }
    mask = FieldMask(paths=["source.pattern", "source.s3", *(path for path, is_said in said.items() if is_said)])
    await ingestions.UpdateIngestion(
        pb.UpdateIngestionRequest(ingestion=ingestion, update_mask=mask, request_id=str(uuid.uuid4()))
    )
