"""The connection test, over gRPC against local folders and an S3 server that checks keys and rights."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from autoloader.v1 import errors_pb2, files_pb2, runs_pb2
from autoloader.v1 import ingestions_pb2 as pb

from control_plane.api.ingestions import CHECKS_MAX
from control_plane.api.server import Services
from tests.builders import an_ingestion_message
from tests.control_plane.api.conftest import Client
from tests.control_plane.api.refusals import refused
from tests.control_plane.sources.test_one_ahead import join_source_threads
from tests.servers.moto_server import MotoServer, running_moto
from tests.servers.s3_stub import Answer, Query, listing, running_stub
from tests.servers.server import S3Keys, client_of

NAME = "ingestions/orders"


@pytest.fixture
def services(services: Services) -> Services:
    return replace(services, rules=replace(services.rules, loopback_endpoints_allowed=True))


@pytest.fixture(scope="module")
def moto() -> Iterator[MotoServer]:
    with running_moto() as server:
        yield server


@pytest.fixture
def bucket(moto: MotoServer) -> str:
    name = f"b{uuid.uuid4().hex}"
    with closing(client_of(moto)) as client:
        client.create_bucket(Bucket=name)
        for key in ("in/1.json", "in/2.json", "in/_3.json", "in/4.csv", "elsewhere/5.json"):
            client.put_object(Bucket=name, Key=key, Body=b"{}\n")
    return name


def in_s3(endpoint: str, keys: S3Keys, bucket: str) -> pb.Ingestion:
    static = pb.StaticKeys(access_key_id=keys.access_key_id, secret_access_key=keys.secret_access_key)
    message = an_ingestion_message(uri=f"s3://{bucket}/in", static_keys=static)
    message.source.pattern = "*.json"
    message.source.s3.endpoint = endpoint
    return message


async def checked(client: Client, ingestion: pb.Ingestion) -> pb.CheckIngestionResponse:
    return await client.ingestions.CheckIngestion(pb.CheckIngestionRequest(ingestion=ingestion))


async def test_a_stored_ingestion_tells_what_a_run_would_find_and_stores_nothing(
    client: Client, tmp_path: Path
) -> None:
    for name in ("a.json", "b.json", ".hidden.json", "c.csv"):
        (tmp_path / name).write_text("{}\n")
    message = an_ingestion_message(uri=f"file://{tmp_path}")
    message.source.pattern = "*.json"
    await client.ingestions.CreateIngestion(pb.CreateIngestionRequest(ingestion_id="orders", ingestion=message))
    told = await client.ingestions.CheckIngestion(pb.CheckIngestionRequest(name=NAME))
    assert (told.is_complete, told.objects_listed, told.file_count, told.size_bytes) == (True, 4, 2, 6)
    assert list(told.sample_uris) == [f"file://{tmp_path}/{name}" for name in ("a.json", "b.json")]
    (hidden,) = told.unsupported
    assert (told.unsupported_count, hidden.uri) == (1, f"file://{tmp_path}/.hidden.json")
    assert "Spark hides" in hidden.reason
    assert not told.HasField("error")
    assert not (await client.files.ListFiles(files_pb2.ListFilesRequest(parent=NAME))).files
    assert not (await client.runs.ListRuns(runs_pb2.ListRunsRequest(parent=NAME))).runs


async def test_one_that_is_not_stored_is_checked_with_the_keys_that_are_sent(
    client: Client, moto: MotoServer, bucket: str
) -> None:
    told = await checked(client, in_s3(moto.endpoint, moto.admin, bucket))
    assert (told.is_complete, told.objects_listed, told.file_count, told.unsupported_count) == (True, 4, 2, 1)
    assert moto.admin.secret_access_key not in str(told)
    assert not (await client.ingestions.ListIngestions(pb.ListIngestionsRequest())).ingestions


async def test_a_refusal_of_the_store_is_told_as_a_run_would_tell_it(
    client: Client, moto: MotoServer, bucket: str
) -> None:
    wrong, stranger = moto.admin.with_wrong_secret(), moto.user(bucket, "s3:GetObject")
    for message, category, remedy in (
        (in_s3(moto.endpoint, wrong, bucket), errors_pb2.ERROR_CATEGORY_AUTHENTICATION, "check source.credentials"),
        (in_s3(moto.endpoint, stranger, bucket), errors_pb2.ERROR_CATEGORY_PERMISSION, "s3:ListBucket"),
        (in_s3(moto.endpoint, moto.admin, "not-there"), errors_pb2.ERROR_CATEGORY_BUCKET_NOT_FOUND, "not-there"),
    ):
        told = await checked(client, message)
        assert (told.error.category, told.is_complete, told.file_count) == (category, False, 0)
        assert remedy in told.error.message
        assert message.source.credentials.static_keys.secret_access_key not in str(told)


async def test_a_folder_that_is_not_there_is_told(client: Client, tmp_path: Path) -> None:
    told = await checked(client, an_ingestion_message(uri=f"file://{tmp_path}/none"))
    assert told.error.category == errors_pb2.ERROR_CATEGORY_PATH_NOT_FOUND


async def test_keys_that_the_service_lacks_are_told(client: Client) -> None:
    message = an_ingestion_message()
    keys = pb.EnvironmentKeys(access_key_id_variable="KEY", secret_access_key_variable="SECRET")
    message.source.credentials.environment.CopyFrom(keys)
    told = await checked(client, message)
    assert told.error.category == errors_pb2.ERROR_CATEGORY_AUTHENTICATION
    assert "SECRET is not set" in told.error.message


async def test_what_create_would_refuse_is_refused(client: Client) -> None:
    message = an_ingestion_message(uri="ftp://x", table="orders")
    refusal = await refused(checked(client, message))
    assert list(refusal.violations) == ["ingestion.source.uri", "ingestion.destination.table"]
    nothing = client.ingestions.CheckIngestion(pb.CheckIngestionRequest())
    assert list((await refused(nothing)).violations) == ["name"]
    unknown = client.ingestions.CheckIngestion(pb.CheckIngestionRequest(name=NAME))
    assert (await refused(unknown)).code is grpc.StatusCode.NOT_FOUND


async def test_too_many_at_once_are_refused_and_make_room_again(client: Client) -> None:
    everybody_is_there, is_over = threading.Barrier(CHECKS_MAX + 1), threading.Event()

    def answer(_: Query) -> Answer:
        if not is_over.is_set():
            everybody_is_there.wait(30)
            is_over.wait(30)
        return listing([])

    with running_stub(answer) as endpoint:
        message = in_s3(endpoint, S3Keys("key", "secret"), "bucket")
        checks = [asyncio.ensure_future(checked(client, message)) for _ in range(CHECKS_MAX)]
        await asyncio.to_thread(everybody_is_there.wait, 30)
        assert (await refused(checked(client, message))).code is grpc.StatusCode.RESOURCE_EXHAUSTED
        is_over.set()
        assert all(told.is_complete for told in await asyncio.gather(*checks))
        assert (await checked(client, message)).is_complete
        await join_source_threads()
