"""Who takes part in a torture, as real processes: a ledger, two control planes, three executors on one Spark server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from control_plane.ledger.migrate import migrate
from tests.e2e.connect_server import ConnectServer
from tests.e2e.lake import Lake
from tests.e2e.services import ControlPlane, Executor, Service
from tests.faults.armed import SOCKET_VARIABLE
from tests.faults.failpoints import Failpoints, failpoints
from tests.faults.interposer import Interposer, interposed_before
from tests.faults.postgres.proxy import Proxy, proxied
from tests.faults.postgres.server import Server, own_server
from tests.faults.torture.background import going_on
from tests.faults.torture.kinds import LEASE_SECONDS
from tests.faults.torture.line import Line
from tests.faults.torture.names import CONTROL_PLANES, EXECUTORS
from tests.faults.torture.tables import warm

ARMED = "tests.faults.armed"
CHANNEL_OPTIONS = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500)]
# Sessions of killed executors are given up after a while, so that a small heap lasts.
SPARK_CONF = {
    "spark.driver.memory": "1g",
    "spark.sql.shuffle.partitions": "2",
    "spark.log.level": "ERROR",
    "spark.connect.session.manager.defaultSessionTimeout": "5m",
    "spark.connect.session.manager.maintenanceInterval": "20s",
}
WATCH_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Seat:
    """A control plane, its way to the ledger, and the way of others to it."""

    service: ControlPlane
    points: Failpoints
    proxy: Proxy
    channel: grpc.aio.Channel


@dataclass(frozen=True, slots=True)
class Hand:
    """An executor, and its way to a control plane: `wire` for single messages, `line` for all."""

    service: Executor
    points: Failpoints
    wire: Interposer
    line: Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """All who take part, by their names; `folder` is where ingestions may load from."""

    folder: Path
    logs: tuple[Path, ...]
    lake: Lake
    ledger: Server
    spark: ConnectServer
    control_planes: dict[str, Seat]
    executors: dict[str, Hand]

    @property
    def services(self) -> list[Service]:
        return [self.player(name).service for name in (*self.control_planes, *self.executors)]

    def player(self, name: str) -> Seat | Hand:
        return self.control_planes[name] if name in self.control_planes else self.executors[name]


@asynccontextmanager
async def gathered(folder: Path, *, jars: Path, executors_run_under: str = ARMED) -> AsyncIterator[Cast]:
    """All of them, running, with what they write in a folder; they end with the block."""
    async with AsyncExitStack() as ends:
        lake, files = Lake(folder), folder / "files"
        ledger = await ends.enter_async_context(own_server(folder / "ledger"))
        await migrate(ledger.url)
        spark = ConnectServer(folder, spark_conf=lake.spark_conf() | SPARK_CONF, data_folder=jars)
        ends.push_async_callback(_end, spark)
        await spark.start()
        await warm(spark.url)
        seats = {name: await _seat(ends, folder / name, ledger=ledger, files=files) for name in CONTROL_PLANES}
        channels = [seat.channel for seat in seats.values()]
        hands = {
            name: await _hand(
                ends, folder, line=Line(channels, executor=name), spark=spark, jars=jars, module=executors_run_under
            )
            for name in EXECUTORS
        }
        yield Cast(
            folder=files,
            logs=tuple(
                [*(folder / name / "control-plane.log" for name in seats), *(folder / f"{name}.log" for name in hands)]
            ),
            lake=lake,
            ledger=ledger,
            spark=spark,
            control_planes=seats,
            executors=hands,
        )


async def _seat(ends: AsyncExitStack, folder: Path, *, ledger: Server, files: Path) -> Seat:
    await asyncio.to_thread(folder.mkdir)
    proxy = await ends.enter_async_context(proxied(ledger.url))
    points = await ends.enter_async_context(failpoints())
    service = ControlPlane(folder, database_url=proxy.url, local_folders=[files], lease_seconds=LEASE_SECONDS)
    service.name = folder.name
    service.run_under(
        ARMED,
        **{SOCKET_VARIABLE: str(points.socket)},
        # All seal with the first one's key.
        AUTOLOADER_SEALING_KEY_FILE=str(folder.parent / CONTROL_PLANES[0] / "sealing.key"),
        AUTOLOADER_POLL_SECONDS="0.4",
    )
    channel = await ends.enter_async_context(grpc.aio.insecure_channel(service.address, options=CHANNEL_OPTIONS))
    ends.push_async_callback(_end, service)
    await service.start()
    return Seat(service, points, proxy, channel)


async def _hand(
    ends: AsyncExitStack, folder: Path, *, line: Line, spark: ConnectServer, jars: Path, module: str
) -> Hand:
    points = await ends.enter_async_context(failpoints())
    wire = await ends.enter_async_context(interposed_before(line))
    wire.open()
    service = Executor(
        folder, name=line.executor, control_plane=wire.address, spark_conf={}, data_folder=jars, spark_master=spark.url
    )
    service.run_under(module, **{SOCKET_VARIABLE: str(points.socket)})
    ends.push_async_callback(_end, service)
    await service.start()
    return Hand(service, points, wire, line)


async def _end(service: Service) -> None:
    if service.is_running:
        service.kill()
        await service.ended()


@asynccontextmanager
async def kept_alive(services: Iterable[Service]) -> AsyncIterator[Callable[[], bool]]:
    """Starts whichever ends, as an operator's supervisor does; the block may ask whether all run."""
    unwell: set[str] = set()

    async def keep(service: Service) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if service.is_running:
                continue
            unwell.add(service.name)
            await service.ended()
            try:
                await service.start()
            except AssertionError:  # it was struck down while it started
                service.kill()
            else:
                unwell.discard(service.name)

    services = list(services)
    async with going_on(*map(keep, services)):
        yield lambda: not unwell and all(service.is_running for service in services)
