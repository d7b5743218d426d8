"""The door for Prometheus."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from control_plane.api.exposition import Exposition
from control_plane.api.server import NotLoopback
from control_plane.domain.figures import Figures
from control_plane.errors import LedgerUnavailable
from control_plane.ledger import figures
from control_plane.ledger.database import Database
from control_plane.metrics import Metrics
from tests.builders import some_figures
from tests.control_plane.ledger.steps import Steps, a_staging, some_files


class Ledger:
    """Figures that a test sets, or that cannot be read."""

    def __init__(self) -> None:
        self.figures: Figures | None = some_figures()

    async def read(self) -> Figures:
        if self.figures is None:
            raise LedgerUnavailable("the ledger is away")
        return self.figures


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
async def address(ledger: Ledger) -> AsyncIterator[str]:
    exposition = Exposition("127.0.0.1:0", metrics=Metrics(CollectorRegistry()), read=ledger.read)
    yield await exposition.start()
    await exposition.stop()


async def ask(address: str, request: str = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n") -> str:
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request.encode("latin-1"))
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer.decode()


async def test_the_figures_are_those_of_the_moment(address: str, ledger: Ledger) -> None:
    assert 'autoloader_files_total{ingestion="orders",state="PROCESSED"} 7.0' in await ask(address)
    ledger.figures = Figures()
    assert "orders" not in await ask(address)


async def test_a_ledger_that_is_away_shows_no_old_figures(address: str, ledger: Ledger) -> None:
    await ask(address)
    ledger.figures = None
    answer = await ask(address)
    assert answer.startswith("HTTP/1.1 200 OK")
    assert "autoloader_build_info" in answer
    assert "autoloader_files_total" not in answer


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("GET / HTTP/1.1\r\n\r\n", "404 Not Found"),
        ("POST /metrics HTTP/1.1\r\n\r\n", "405 Method Not Allowed"),
        ("GET /metrics?name[]=x HTTP/1.1\r\n\r\n", "200 OK"),
        ("\r\n\r\n", "404 Not Found"),
        ("GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text; version=1.0.0\r\n\r\n", "200 OK"),
    ],
)
async def test_other_requests_are_answered_as_http_wants(address: str, request_: str, status: str) -> None:
    assert (await ask(address, request_)).startswith(f"HTTP/1.1 {status}\r\n")


@pytest.mark.parametrize("request_", ["", "GET", "x" * 20_000, "\xff\x00\r\n"])
async def test_what_is_no_request_is_hung_up_on(address: str, request_: str) -> None:
    assert await ask(address, request_) == ""
    assert await ask(address)


async def test_it_listens_on_loopback_alone(ledger: Ledger) -> None:
    exposition = Exposition("0.0.0.0:0", metrics=Metrics(CollectorRegistry()), read=ledger.read)
    with pytest.raises(NotLoopback):
        await exposition.start()


async def test_the_metrics_equal_the_ledger(database: Database) -> None:
    steps = Steps(database)
    await steps.offered(some_files(2), max_files=1)
    lease = await steps.held()
    await steps.stage(lease, a_staging(30))
    await steps.complete(lease)

    async def read() -> Figures:
        async with database.transaction() as connection:
            return await figures.read(connection)

    exposition = Exposition("127.0.0.1:0", metrics=Metrics(CollectorRegistry()), read=read)
    answer = await ask(await exposition.start())
    for line in (
        'autoloader_files_total{ingestion="orders",state="PROCESSED"} 1.0',
        'autoloader_records_written_total{ingestion="orders"} 30.0',
        'autoloader_leases{state="OFFERED"} 1.0',
        'autoloader_leases{state="HELD"} 0.0',
    ):
        assert line in answer
    await exposition.stop()
