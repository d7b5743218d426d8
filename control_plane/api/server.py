"""The gRPC server: which services it has, what happens around every call, how it listens and how it stops."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import grpc
import structlog
from autoloader.v1 import files_pb2, ingestions_pb2, leases_pb2, recovery_pb2, runs_pb2, schemas_pb2
from autoloader.v1.files_pb2_grpc import add_FileServiceServicer_to_server
from autoloader.v1.ingestions_pb2_grpc import add_IngestionServiceServicer_to_server
from autoloader.v1.leases_pb2_grpc import add_LeaseServiceServicer_to_server
from autoloader.v1.recovery_pb2_grpc import add_RecoveryServiceServicer_to_server
from autoloader.v1.runs_pb2_grpc import add_RunServiceServicer_to_server
from autoloader.v1.schemas_pb2_grpc import add_SchemaServiceServicer_to_server
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from control_plane.api.credentials import KeySafe
from control_plane.api.files import FileService
from control_plane.api.ingestions import IngestionService
from control_plane.api.interceptors.access_log import AccessLog
from control_plane.api.interceptors.auth import Auth
from control_plane.api.interceptors.errors import Errors
from control_plane.api.interceptors.limit import Limit
from control_plane.api.interceptors.metrics import CallMetrics
from control_plane.api.leases import LeaseService
from control_plane.api.pages import Pages
from control_plane.api.previews import TAKE_SECONDS, Previewer
from control_plane.api.recovery import RecoveryService
from control_plane.api.reflection import add_reflection
from control_plane.api.repeats import Repeats
from control_plane.api.runs import RunService
from control_plane.api.schemas import SchemaService
from control_plane.domain.ingestion import Ingestion
from control_plane.domain.rules import Rules
from control_plane.ledger.database import Database
from control_plane.ledger.leases import Backoff
from control_plane.metrics import Metrics
from control_plane.sources.source import Source
from control_plane.vault import Vault
from control_plane.wake import Wakes

MESSAGE_BYTES_MAX = 4 * 1024**2
UNARY_SECONDS = 90.0
STREAM_SECONDS = 3600.0
CALLS_MAX = 1_000
CONNECTION_AGE_SECONDS = 1800

log = structlog.get_logger()


class NotLoopback(Exception):
    """The address is not of this machine alone, and nothing protects the server from others yet."""


class AddressTaken(Exception):
    """Somebody else listens there."""

    def __init__(self, address: str) -> None:
        super().__init__(f"cannot listen on {address}: another program does; end it, or choose another port")


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the services work with."""

    database: Database
    vault: Vault
    open_source: Callable[[Ingestion], Source]
    rules: Rules
    wakes: Wakes
    page_token_key: bytes = field(repr=False)
    lease_seconds: float
    backoff: Backoff
    take_seconds: float = TAKE_SECONDS


class Server:
    """All services on one address, such as `127.0.0.1:0`; `calls_max` are served at once."""

    def __init__(self, address: str, *, services: Services, metrics: Metrics, calls_max: int = CALLS_MAX) -> None:
        self._address = address
        self._wakes = services.wakes
        self._stopping = asyncio.Event()
        self._health = health.aio.HealthServicer()
        self._services = [each.full_name for each in _descriptors()]
        self._server = _build(metrics, calls_max)
        self._add_services(services)

    async def start(self) -> str:
        """Listens, and says that it serves; returns the address with its port. Raises NotLoopback or AddressTaken."""
        host = loopback_host(self._address)
        try:
            port = self._server.add_insecure_port(self._address)
        except RuntimeError as error:
            raise AddressTaken(self._address) from error
        await self._server.start()
        for service in ("", *self._services):
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        bound = f"{host}:{port}"
        log.info("server_started", address=bound)
        return bound

    async def stop(self, grace_seconds: float) -> None:
        """Says NOT_SERVING, lets long calls end, and waits up to `grace_seconds` for what is under way."""
        await self._health.enter_graceful_shutdown()
        self._stopping.set()
        self._wakes.leases_offered.signal()
        self._wakes.runs_changed.signal()
        self._wakes.previews_answered.signal()
        await self._server.stop(grace_seconds)
        log.info("server_stopped")

    def _add_services(self, services: Services) -> None:
        server, database, wakes = self._server, services.database, services.wakes
        repeats, pages = Repeats(database, key=services.page_token_key), Pages(services.page_token_key)
        keys = KeySafe(services.vault)
        add_IngestionServiceServicer_to_server(
            IngestionService(
                database=database,
                repeats=repeats,
                pages=pages,
                keys=keys,
                open_source=services.open_source,
                previewer=Previewer(
                    database=database,
                    open_source=services.open_source,
                    wakes=wakes,
                    stopping=self._stopping,
                    take_seconds=services.take_seconds,
                ),
                rules=services.rules,
                wakes=wakes,
            ),
            server,
        )
        add_RunServiceServicer_to_server(
            RunService(database=database, repeats=repeats, pages=pages, wakes=wakes, stopping=self._stopping), server
        )
        add_FileServiceServicer_to_server(FileService(database=database, repeats=repeats, pages=pages), server)
        add_SchemaServiceServicer_to_server(SchemaService(database=database, repeats=repeats, pages=pages), server)
        add_RecoveryServiceServicer_to_server(
            RecoveryService(database=database, repeats=repeats, pages=pages, wakes=wakes), server
        )
        add_LeaseServiceServicer_to_server(
            LeaseService(
                database=database,
                keys=keys,
                wakes=wakes,
                lease_seconds=services.lease_seconds,
                backoff=services.backoff,
                stopping=self._stopping,
            ),
            server,
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        add_reflection(server, [*self._services, health.SERVICE_NAME])


def loopback_host(address: str) -> str:
    """Gives the host of `host:port`; NotLoopback when others than this machine could reach it."""
    host, separator, port = address.rpartition(":")
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        is_loopback = False
    if not (is_loopback and separator and port.isdigit()):
        raise NotLoopback(
            f"cannot listen on {address}: until the server has TLS and tokens, whoever reaches it may do everything, "
            "so it listens on loopback alone; use 127.0.0.1:PORT"
        )
    return host


def _build(metrics: Metrics, calls_max: int) -> grpc.aio.Server:
    methods = [f"/{service.full_name}/{method.name}" for service in _descriptors() for method in service.methods]
    interceptors = [
        AccessLog(),
        CallMetrics(metrics, methods),
        Errors(unary_seconds=UNARY_SECONDS, stream_seconds=STREAM_SECONDS),
        Limit(calls_max),
        Auth(),
    ]
    return grpc.aio.server(interceptors=interceptors, options=list(_options().items()))


def _descriptors() -> Iterable[ServiceDescriptor]:
    modules = (ingestions_pb2, runs_pb2, files_pb2, schemas_pb2, leases_pb2, recovery_pb2)
    return [service for module in modules for service in module.DESCRIPTOR.services_by_name.values()]


def _options() -> Mapping[str, int]:
    return {
        "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
        "grpc.max_send_message_length": MESSAGE_BYTES_MAX,
        # A second server on the port would take every other call.
        "grpc.so_reuseport": 0,
        # Executors ping while they wait; pings more frequent than this end in GOAWAY too_many_pings.
        "grpc.http2.min_ping_interval_without_data_ms": 10_000,
        "grpc.keepalive_permit_without_calls": 1,
        "grpc.keepalive_time_ms": 30_000,
        "grpc.keepalive_timeout_ms": 10_000,
        # gRPC adds a jitter of a tenth; calls that are open then may end.
        "grpc.max_connection_age_ms": CONNECTION_AGE_SECONDS * 1000,
        "grpc.max_connection_age_grace_ms": int(STREAM_SECONDS) * 1000,
    }
