"""Both versions of reflection list the services, and describe them down to their comments' subjects."""

from __future__ import annotations

import pytest
from google.protobuf import descriptor_pb2
from grpc_reflection.v1alpha import reflection_pb2 as pb

from tests.control_plane.api.conftest import Client

VERSIONS = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"]


async def ask(client: Client, version: str, request: pb.ServerReflectionRequest) -> pb.ServerReflectionResponse:
    call = client.channel.stream_stream(
        f"/{version}/ServerReflectionInfo",
        request_serializer=pb.ServerReflectionRequest.SerializeToString,
        response_deserializer=pb.ServerReflectionResponse.FromString,
    )
    async for answer in call(iter([request])):
        return answer
    raise AssertionError("no answer")


@pytest.mark.parametrize("version", VERSIONS)
async def test_every_service_is_listed(client: Client, version: str) -> None:
    answer = await ask(client, version, pb.ServerReflectionRequest(list_services=""))
    names = {service.name for service in answer.list_services_response.service}
    ours = {f"autoloader.v1.{kind}Service" for kind in ("Ingestion", "Run", "File", "Schema", "Lease", "Recovery")}
    assert names == {*ours, "grpc.health.v1.Health", *VERSIONS}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("symbol", ["autoloader.v1.LeaseService", "grpc.health.v1.Health", *VERSIONS])
async def test_every_listed_service_can_be_described(client: Client, version: str, symbol: str) -> None:
    answer = await ask(client, version, pb.ServerReflectionRequest(file_containing_symbol=symbol))
    files = [
        descriptor_pb2.FileDescriptorProto.FromString(file)
        for file in answer.file_descriptor_response.file_descriptor_proto
    ]
    assert symbol in {f"{file.package}.{service.name}" for file in files for service in file.service}
