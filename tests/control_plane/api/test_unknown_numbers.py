"""Numbers that stand for nothing: of any enum of an ingestion, and of what a person resolves."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import grpc
import pytest
from autoloader.v1 import ingestions_pb2, runs_pb2
from google.protobuf.descriptor import Descriptor

from tests.builders import an_ingestion_message
from tests.control_plane.api.conftest import Client
from tests.control_plane.api.refusals import refused

UNKNOWN = 99
# The server writes it, and leaves alone what a caller says of it.
WRITTEN = "state"


def enums(message: Descriptor, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for field in message.fields:
        inner = (*path, field.name)
        if field.enum_type is not None:
            yield inner
        elif field.message_type is not None and not field.is_repeated:
            yield from enums(field.message_type, inner)


@pytest.mark.parametrize(
    "path", [path for path in enums(ingestions_pb2.Ingestion.DESCRIPTOR) if path[-1] != WRITTEN], ids=".".join
)
async def test_an_ingestion_with_an_unknown_number_is_refused_by_its_field(
    client: Client, path: tuple[str, ...]
) -> None:
    message = inner = an_ingestion_message()
    for name in path[:-1]:
        inner = getattr(inner, name)
    setattr(inner, path[-1], UNKNOWN)
    request = ingestions_pb2.CreateIngestionRequest(ingestion_id="orders", ingestion=message)

    refusal = await refused(client.ingestions.CreateIngestion(request))

    assert refusal.code == grpc.StatusCode.INVALID_ARGUMENT
    assert list(refusal.violations) == [".".join(("ingestion", *path))]


async def test_an_unknown_resolution_is_refused_by_its_field(client: Client) -> None:
    name = "ingestions/orders/runs/1"
    request = runs_pb2.ResolvePublishRequest(name=name, lease=str(uuid.uuid4()), resolution=UNKNOWN)  # type: ignore[arg-type]

    refusal = await refused(client.runs.ResolvePublish(request))

    assert refusal.code == grpc.StatusCode.INVALID_ARGUMENT
    assert "resolution" in refusal.violations
