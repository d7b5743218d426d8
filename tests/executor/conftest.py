"""What the executor's tests share: a scripted control plane and a client of it, and warm Spark."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import boto3
import pytest

from executor import spark
from executor.credentials import KeyRing
from executor.lease_client import LeaseClient
from executor.spark import Sessions
from executor.wire import Caller, open_channel
from tests.executor.bucket import Bucket
from tests.executor.lake import Lake, settings_in
from tests.executor.lease_service import ScriptedLeaseService, served
from tests.servers.moto_server import MotoServer, running_moto
from tests.servers.server import REGION


def pytest_configure(config: pytest.Config) -> None:
    # The bridge to Spark's JVM lets the collector close its sockets, a pair for each thread.
    config.addinivalue_line("filterwarnings", r"ignore:unclosed <socket\.socket:ResourceWarning")


@pytest.fixture
async def service() -> ScriptedLeaseService:
    return ScriptedLeaseService()


@pytest.fixture
async def client(service: ScriptedLeaseService) -> AsyncIterator[LeaseClient]:
    async with served(service) as address, open_channel(address) as channel:
        yield LeaseClient(
            channel,
            executor="tester",
            pool="default",
            keys=KeyRing(variables=frozenset({"KEY", "SECRET"}), environment={"KEY": "k"}),
            caller=Caller(pause_seconds=lambda attempt: 0.01),
        )


@pytest.fixture(scope="session")
def data_folder(pytestconfig: pytest.Config) -> Path:
    """Where the jars are kept from one run of the tests to the next."""
    return pytestconfig.cache.mkdir("executor")


@pytest.fixture(scope="session")
def sessions(tmp_path_factory: pytest.TempPathFactory, data_folder: Path) -> Iterator[Sessions]:
    """Spark on this machine, with a catalog in a SQLite file; one for all tests."""
    started = spark.start(settings_in(tmp_path_factory.mktemp("lake"), data_folder))
    yield started
    spark.stop(started)


@pytest.fixture
def lake(sessions: Sessions, tmp_path: Path) -> Lake:
    return Lake(sessions, tmp_path)


@pytest.fixture(scope="session")
def moto() -> Iterator[MotoServer]:
    with running_moto() as server:
        yield server


@pytest.fixture
def bucket(moto: MotoServer) -> Iterator[Bucket]:
    with closing(
        boto3.session.Session().client(
            "s3",
            endpoint_url=moto.endpoint,
            region_name=REGION,
            aws_access_key_id=moto.admin.access_key_id,
            aws_secret_access_key=moto.admin.secret_access_key,
        )
    ) as client:
        name = f"bucket-{uuid.uuid4().hex}"
        client.create_bucket(Bucket=name)
        yield Bucket(moto, client, name)
