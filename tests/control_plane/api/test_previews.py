"""Previews, over gRPC: who asks for one, and an executor that the test plays."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from autoloader.v1 import errors_pb2, files_pb2, leases_pb2, previews_pb2, runs_pb2
from autoloader.v1 import ingestions_pb2 as pb
from google.protobuf.duration_pb2 import Duration

from control_plane.api.leases import PREVIEW_BYTES_MAX
from control_plane.api.previews import PREVIEWS_MAX
from control_plane.api.server import Server, Services
from tests.builders import an_ingestion_message
from tests.control_plane.api.conftest import LEASE_SECONDS, Client
from tests.control_plane.api.refusals import refused
from tests.control_plane.sources.test_one_ahead import join_source_threads
from tests.servers.s3_stub import listing, running_stub

SECRET = "wJalrXUtnFEMI-secret"
SEEN = pb.Preview(rows=[previews_pb2.PreviewedRow(json='{"id": 1}')])
ALSO = [leases_pb2.FURTHER_WORK_PREVIEW]


@pytest.fixture
def services(services: Services) -> Services:
    return replace(services, rules=replace(services.rules, loopback_endpoints_allowed=True))


@pytest.fixture
def landing(tmp_path: Path) -> pb.Ingestion:
    """An ingestion of a folder with three files, of which one cannot be read under its name."""
    for name in ("a.json", "b.json", "_c.json"):
        (tmp_path / name).write_text("{}\n")
    return an_ingestion_message(uri=f"file://{tmp_path}")


def asking(
    client: Client, ingestion: pb.Ingestion, *, file_count: int = 0, row_count: int = 0
) -> asyncio.Task[pb.PreviewIngestionResponse]:
    request = pb.PreviewIngestionRequest(ingestion=ingestion, file_count=file_count, row_count=row_count)
    return asyncio.ensure_future(client.ingestions.PreviewIngestion(request, timeout=60))


async def taken(client: Client, *, also_takes: list[Any] = ALSO, wait_seconds: int = 20) -> leases_pb2.Lease:
    request = leases_pb2.AcquireLeaseRequest(
        executor="host/1",
        request_id=str(uuid.uuid4()),
        wait=Duration(seconds=wait_seconds),
        also_takes=also_takes,
    )
    return (await client.leases.AcquireLease(request)).lease


def holding(lease: leases_pb2.Lease) -> dict[str, Any]:
    return {"lease": lease.id, "fence": lease.fence, "attempt": lease.attempt}


async def complete(client: Client, lease: leases_pb2.Lease, preview: pb.Preview = SEEN) -> None:
    await client.leases.CompletePreview(leases_pb2.CompletePreviewRequest(**holding(lease), preview=preview))


async def test_who_asks_gets_what_an_executor_saw_of_the_first_files(
    client: Client, landing: pb.Ingestion, tmp_path: Path
) -> None:
    told = asking(client, landing, file_count=1, row_count=3)
    lease = await taken(client)
    assert (lease.run, lease.fence, lease.ttl.seconds) == ("", 1, LEASE_SECONDS)
    assert lease.preview.row_count == 3
    assert [file.uri for file in lease.preview.load.files] == [f"file://{tmp_path}/a.json"]
    assert lease.preview.load.destination.table == "sales.orders"
    assert lease.preview.load.on_schema_change == pb.SchemaPolicy.ON_SCHEMA_CHANGE_APPEND_NEW_COLUMNS
    await complete(client, lease)
    assert (await told).preview == SEEN
    await complete(client, lease)


async def test_a_stored_one_is_previewed_and_no_file_run_or_ingestion_is_made(
    client: Client, landing: pb.Ingestion
) -> None:
    await client.ingestions.CreateIngestion(pb.CreateIngestionRequest(ingestion_id="orders", ingestion=landing))
    told = asyncio.ensure_future(
        client.ingestions.PreviewIngestion(pb.PreviewIngestionRequest(name="ingestions/orders"), timeout=60)
    )
    lease = await taken(client)
    assert (len(lease.preview.load.files), lease.preview.row_count) == (2, 20)
    await complete(client, lease)
    assert (await told).preview == SEEN
    assert not (await client.files.ListFiles(files_pb2.ListFilesRequest(parent="ingestions/orders"))).files
    assert not (await client.runs.ListRuns(runs_pb2.ListRunsRequest(parent="ingestions/orders"))).runs


async def test_only_the_executor_gets_the_keys_and_they_are_sealed_on_the_way(
    client: Client, services: Services
) -> None:
    keys = pb.StaticKeys(access_key_id="AKIA", secret_access_key=SECRET)
    with running_stub(lambda _: listing(["orders/a.json"])) as endpoint:
        message = an_ingestion_message(static_keys=keys)
        message.source.s3.endpoint = endpoint
        told = asking(client, message)
        lease = await taken(client)
        assert lease.preview.load.source.credentials.static_keys == keys
        async with services.database.transaction() as connection:
            (row,) = (await connection.exec_driver_sql("SELECT previews::text FROM previews")).scalars()
        assert SECRET not in row
        assert SECRET.encode().hex() not in row
        await complete(client, lease)
        assert SECRET not in str(await told)
        await join_source_threads()


async def test_an_executor_that_does_not_know_previews_gets_none(client: Client, landing: pb.Ingestion) -> None:
    told = asking(client, landing)
    lease = await taken(client)
    await client.leases.ReleaseLease(leases_pb2.ReleaseLeaseRequest(**holding(lease)))
    assert not (await taken(client, also_takes=[], wait_seconds=0)).id
    assert not (await taken(client, also_takes=[77], wait_seconds=0)).id
    again = await taken(client)
    assert (again.id, again.attempt != lease.attempt) == (lease.id, True)
    await complete(client, again)
    assert (await told).preview == SEEN


async def test_what_keeps_an_executor_from_reading_is_told(client: Client, landing: pb.Ingestion) -> None:
    told = asking(client, landing)
    lease = await taken(client)
    renewal = leases_pb2.RenewLeaseRequest(**holding(lease))
    go_on, stop = leases_pb2.RenewLeaseResponse.DIRECTIVE_CONTINUE, leases_pb2.RenewLeaseResponse.DIRECTIVE_STOP
    assert (await client.leases.RenewLease(renewal)).directive == go_on
    error = errors_pb2.LoadError(category=errors_pb2.ERROR_CATEGORY_SPARK_UNAVAILABLE, message="no Spark\0")
    await client.leases.FailLease(
        leases_pb2.FailLeaseRequest(
            **holding(lease), outcome=leases_pb2.FailLeaseRequest.OUTCOME_NOT_STAGED, error=error
        )
    )
    shown = (await told).preview.error
    assert (shown.category, shown.message) == (errors_pb2.ERROR_CATEGORY_SPARK_UNAVAILABLE, "no Spark\ufffd")
    assert (await client.leases.RenewLease(renewal)).directive == stop


async def test_a_source_that_cannot_be_listed_or_is_empty_needs_no_executor(
    client: Client, landing: pb.Ingestion, tmp_path: Path
) -> None:
    away = an_ingestion_message(uri=f"file://{tmp_path}/none")
    assert (await asking(client, away)).preview.error.category == errors_pb2.ERROR_CATEGORY_PATH_NOT_FOUND
    landing.source.pattern = "*.csv"
    assert (await asking(client, landing)).preview == pb.Preview()


async def test_what_create_would_refuse_and_bounds_beyond_theirs_are_refused(
    client: Client, landing: pb.Ingestion
) -> None:
    bounds = await refused(asking(client, landing, file_count=21, row_count=-1))
    assert list(bounds.violations) == ["file_count", "row_count"]
    assert "ingestion.source.uri" in (await refused(asking(client, pb.Ingestion()))).violations
    unknown = client.ingestions.PreviewIngestion(pb.PreviewIngestionRequest(name="ingestions/none"))
    assert (await refused(unknown)).code is grpc.StatusCode.NOT_FOUND
    nothing = client.ingestions.PreviewIngestion(pb.PreviewIngestionRequest())
    assert list((await refused(nothing)).violations) == ["name"]


async def test_an_answer_that_would_fit_no_message_is_refused(client: Client, landing: pb.Ingestion) -> None:
    told = asking(client, landing)
    lease = await taken(client)
    large = pb.Preview(columns=[pb.Column(name="x" * PREVIEW_BYTES_MAX, type="string")])
    assert list((await refused(complete(client, lease, large))).violations) == ["preview"]
    await complete(client, lease)
    await told


async def test_too_many_at_once_are_refused(client: Client, landing: pb.Ingestion) -> None:
    asked = [asking(client, landing) for _ in range(PREVIEWS_MAX)]
    held = [await taken(client) for _ in asked]
    assert (await refused(asking(client, landing))).code is grpc.StatusCode.RESOURCE_EXHAUSTED
    for lease in held:
        await complete(client, lease)
    assert all(each.preview == SEEN for each in await asyncio.gather(*asked))


async def test_a_server_that_stops_says_so(client: Client, landing: pb.Ingestion, server: Server) -> None:
    told = asking(client, landing)
    await taken(client)
    stopping = asyncio.ensure_future(server.stop(5))
    assert (await refused(told)).reason == "SHUTTING_DOWN"
    await stopping


class TestWithoutAnExecutor:
    @pytest.fixture
    def services(self, services: Services) -> Services:
        return replace(services, take_seconds=0.0)

    async def test_it_says_what_to_do(self, client: Client, landing: pb.Ingestion) -> None:
        landing.pool = "others"
        refusal = await refused(asking(client, landing))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "EXECUTOR_UNAVAILABLE")
        assert (refusal.metadata, refusal.retry_seconds) == ({"pool": "others"}, 10)
        assert 'No executor of pool "others"' in refusal.message


class TestAnExecutorThatFallsSilent:
    @pytest.fixture
    def services(self, services: Services) -> Services:
        return replace(services, lease_seconds=0.0)

    async def test_is_told_of_and_its_answer_comes_too_late(self, client: Client, landing: pb.Ingestion) -> None:
        told = asking(client, landing)
        lease = await taken(client)
        refusal = await refused(told)
        assert refusal.reason == "EXECUTOR_UNAVAILABLE"
        assert "fell silent" in refusal.message
        await complete(client, lease)
        assert not (await taken(client, wait_seconds=0)).id
