"""The door for Prometheus: `GET /metrics` over plain HTTP, with the ledger's figures as they are at that moment."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog
from prometheus_client import exposition

from control_plane.api.figures import LedgerFigures
from control_plane.api.server import AddressTaken, loopback_host
from control_plane.domain.figures import Figures
from control_plane.metrics import Metrics

REQUEST_SECONDS = 10.0
FIGURES_SECONDS = 5.0
REQUEST_BYTES_MAX = 16 * 1024

log = structlog.get_logger()


class Exposition:
    """Serves the metrics on an address such as `127.0.0.1:9464`; `read` reads the ledger's figures."""

    def __init__(self, address: str, *, metrics: Metrics, read: Callable[[], Awaitable[Figures]]) -> None:
        self._address = address
        self._metrics = metrics
        self._read = read
        self._figures = LedgerFigures()
        self._reading = asyncio.Lock()
        self._server: asyncio.Server | None = None
        metrics.registry.register(self._figures)

    async def start(self) -> str:
        """Listens; returns the address with its port. Raises NotLoopback or AddressTaken."""
        host = loopback_host(self._address)
        port = int(self._address.rpartition(":")[2])
        try:
            self._server = await asyncio.start_server(self._serve, host.strip("[]"), port, limit=REQUEST_BYTES_MAX)
        except OSError as error:
            raise AddressTaken(self._address) from error
        bound = f"{host}:{self._server.sockets[0].getsockname()[1]}"
        log.info("metrics_started", address=bound)
        return bound

    async def stop(self) -> None:
        """Stops listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(await self._answer(head.decode("latin-1")))
                await writer.drain()
        writer.close()

    async def _answer(self, head: str) -> bytes:
        line, *headers = head.split("\r\n")
        method, _, rest = line.partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        if path != "/metrics":
            return _response("404 Not Found", b"the metrics are under /metrics\n")
        if method != "GET":
            return _response("405 Method Not Allowed", b"use GET\n")
        await self._refresh()
        encode, content_type = exposition.choose_encoder(_accept(headers))
        return _response("200 OK", encode(self._metrics.registry), content_type=content_type)

    async def _refresh(self) -> None:
        async with self._reading:
            try:
                async with asyncio.timeout(FIGURES_SECONDS):
                    self._figures.figures = await self._read()
            except Exception as error:
                log.warning("figures_unavailable", error=type(error).__name__)
                self._figures.figures = None


def _accept(headers: list[str]) -> str:
    for header in headers:
        name, _, value = header.partition(":")
        if name.lower() == "accept":
            return value.strip()
    return ""


def _response(status: str, body: bytes, *, content_type: str = "text/plain; charset=utf-8") -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
