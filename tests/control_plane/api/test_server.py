"""The server as a whole: health, reflection, limits, how it listens and how it stops."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from autoloader.v1 import ingestions_pb2 as pb
from autoloader.v1 import runs_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry, generate_latest

from control_plane.api.server import NotLoopback, Server, Services
from control_plane.ledger import ingestions
from control_plane.metrics import Metrics
from tests.builders import an_ingestion_message
from tests.control_plane.api.conftest import Client
from tests.control_plane.api.refusals import refused
from tests.control_plane.ledger.steps import Steps

SERVICES = ["IngestionService", "RunService", "FileService", "SchemaService", "LeaseService", "RecoveryService"]


def health(client: Client) -> Any:
    return health_pb2_grpc.HealthStub(client.channel)


@pytest.mark.parametrize("service", ["", *(f"autoloader.v1.{name}" for name in SERVICES)])
async def test_each_service_says_that_it_serves(client: Client, service: str) -> None:
    answer = await health(client).Check(health_pb2.HealthCheckRequest(service=service))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_a_stopping_server_says_so_first_and_ends_its_calls(client: Client, server: Server) -> None:
    watch = health(client).Watch(health_pb2.HealthCheckRequest(service=""))
    statuses = aiter(watch)
    assert (await anext(statuses)).status == health_pb2.HealthCheckResponse.SERVING
    stopping = asyncio.create_task(server.stop(0.2))
    assert (await anext(statuses)).status == health_pb2.HealthCheckResponse.NOT_SERVING
    async with asyncio.timeout(5):
        await stopping
    with pytest.raises(grpc.aio.AioRpcError):
        await anext(statuses)


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:50051", "example.com:50051", "127.0.0.1", ":0"])
async def test_no_address_but_loopback_is_listened_on(services: Services, metrics: Metrics, address: str) -> None:
    server = Server(address, services=services, metrics=metrics)
    with pytest.raises(NotLoopback, match="until the server has TLS and tokens"):
        await server.start()


async def test_a_message_that_is_too_large_is_refused_and_the_server_lives_on(client: Client) -> None:
    message = an_ingestion_message(display_name="x" * 5 * 1024**2)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.ingestions.CreateIngestion(pb.CreateIngestionRequest(ingestion_id="orders", ingestion=message))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    await client.ingestions.ListIngestions(pb.ListIngestionsRequest())


async def test_bytes_that_are_no_message_are_refused(client: Client) -> None:
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = client.channel.unary_unary(
        "/autoloader.v1.IngestionService/GetIngestion"
    )
    refusal = await refused(call(b"\xff\xff\xff"))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")


async def test_a_method_that_does_not_exist_is_refused_and_makes_no_metric(client: Client, metrics: Metrics) -> None:
    for name in ("autoloader.v1.IngestionService/Guess", "some.Service/Guess"):
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = client.channel.unary_unary(f"/{name}")
        refusal = await refused(call(b""))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNIMPLEMENTED, "UNIMPLEMENTED")
    shown = generate_latest(metrics.registry).decode()
    assert "Guess" not in shown
    handled = {"grpc_type": "unary", "grpc_service": "unknown", "grpc_method": "unknown", "grpc_code": "UNIMPLEMENTED"}
    assert metrics.registry.get_sample_value("grpc_server_handled_total", handled) == 2


async def test_calls_beyond_the_limit_are_refused_but_health_is_told(services: Services, steps: Steps) -> None:
    server = Server("127.0.0.1:0", services=services, metrics=Metrics(CollectorRegistry()), calls_max=1)
    address = await server.start()
    run = await steps.open_run(await steps.create())
    async with grpc.aio.insecure_channel(address) as channel:
        client = Client(channel)
        watch = client.runs.WatchRun(runs_pb2.WatchRunRequest(name=f"ingestions/orders/runs/{run.run_id}"))
        await watch.read()
        refusal = await refused(client.ingestions.ListIngestions(pb.ListIngestionsRequest()))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
        assert refusal.retry_seconds > 0
        await health(client).Check(health_pb2.HealthCheckRequest())
        watch.cancel()
    await server.stop(5)


async def test_cancelled_calls_leak_no_connection_to_the_ledger(client: Client, steps: Steps) -> None:
    created = await steps.create()
    locked = pb.PauseIngestionRequest(name="ingestions/orders")
    async with steps.database.transaction() as connection:
        await ingestions.get(connection, "default", created.ingestion.id, lock=True)
        for _ in range(3):
            calls = [client.ingestions.PauseIngestion(locked, timeout=0.3) for _ in range(8)]
            await asyncio.gather(*calls, return_exceptions=True)
        calls = [client.ingestions.PauseIngestion(locked) for _ in range(8)]
        await client.ingestions.GetIngestion(pb.GetIngestionRequest(name="ingestions/orders"))
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        lists = [client.ingestions.ListIngestions(pb.ListIngestionsRequest(), timeout=5) for _ in range(20)]
        await asyncio.gather(*lists)
    assert (await client.ingestions.PauseIngestion(locked, timeout=5)).state == pb.Ingestion.STATE_PAUSED
