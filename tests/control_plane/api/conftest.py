"""A whole control plane's doors on a fresh ledger, and a client that knocks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from autoloader.v1.files_pb2_grpc import FileServiceStub
from autoloader.v1.ingestions_pb2_grpc import IngestionServiceStub
from autoloader.v1.leases_pb2_grpc import LeaseServiceStub
from autoloader.v1.recovery_pb2_grpc import RecoveryServiceStub
from autoloader.v1.runs_pb2_grpc import RunServiceStub
from autoloader.v1.schemas_pb2_grpc import SchemaServiceStub
from prometheus_client import CollectorRegistry

from control_plane.api.server import Server, Services
from control_plane.domain.rules import Rules
from control_plane.ledger import secrets
from control_plane.ledger.database import Database
from control_plane.ledger.leases import Backoff
from control_plane.loops.open_source import SourceOpener
from control_plane.metrics import Metrics
from control_plane.vault import Vault
from control_plane.wake import Wakes
from tests.control_plane.ledger.steps import Steps

if TYPE_CHECKING:
    from autoloader.v1.files_pb2_grpc import FileServiceAsyncStub
    from autoloader.v1.ingestions_pb2_grpc import IngestionServiceAsyncStub
    from autoloader.v1.leases_pb2_grpc import LeaseServiceAsyncStub
    from autoloader.v1.recovery_pb2_grpc import RecoveryServiceAsyncStub
    from autoloader.v1.runs_pb2_grpc import RunServiceAsyncStub
    from autoloader.v1.schemas_pb2_grpc import SchemaServiceAsyncStub

LEASE_SECONDS = 30.0


@dataclass(frozen=True)
class Client:
    """The services of one server, as a caller has them."""

    channel: grpc.aio.Channel

    @property
    def ingestions(self) -> IngestionServiceAsyncStub:
        return IngestionServiceStub(self.channel)

    @property
    def runs(self) -> RunServiceAsyncStub:
        return RunServiceStub(self.channel)

    @property
    def files(self) -> FileServiceAsyncStub:
        return FileServiceStub(self.channel)

    @property
    def schemas(self) -> SchemaServiceAsyncStub:
        return SchemaServiceStub(self.channel)

    @property
    def leases(self) -> LeaseServiceAsyncStub:
        return LeaseServiceStub(self.channel)

    @property
    def recovery(self) -> RecoveryServiceAsyncStub:
        return RecoveryServiceStub(self.channel)


@pytest.fixture
def steps(database: Database) -> Steps:
    return Steps(database)


@pytest.fixture
async def services(database: Database, tmp_path: Path) -> Services:
    vault = Vault(b"k" * 32)
    async with database.transaction() as connection:
        key = await secrets.page_token_key(connection)
    return Services(
        database=database,
        vault=vault,
        open_source=SourceOpener(
            vault=vault, allowed_environment=frozenset({"KEY", "SECRET"}), allowed_files=frozenset(), environment={}
        ).open,
        rules=Rules(
            local_folders=("/data", str(tmp_path)),
            environment_variables=frozenset({"KEY", "SECRET"}),
        ),
        wakes=Wakes(),
        page_token_key=key,
        lease_seconds=LEASE_SECONDS,
        backoff=Backoff(first_seconds=0.0, longest_seconds=0.0),
    )


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


@pytest.fixture
async def server(services: Services, metrics: Metrics) -> AsyncIterator[Server]:
    server = Server("127.0.0.1:0", services=services, metrics=metrics)
    yield server
    await server.stop(0.5)


@pytest.fixture
async def address(server: Server) -> str:
    return await server.start()


@pytest.fixture
async def client(address: str) -> AsyncIterator[Client]:
    async with grpc.aio.insecure_channel(address) as channel:
        yield Client(channel)
