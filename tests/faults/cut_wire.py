"""A wire to PostgreSQL that can be cut at the worst moment: after the server did as told, before it says so."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class CutWire:
    """Hands on bytes. Once armed, cuts the connection whose statement holds the words, at the server's next answer."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._words: bytes | None = None
        self.address = ""
        self.was_cut = asyncio.Event()

    def arm(self, words: str) -> None:
        self._words = words.encode()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(self._host, self._port)
        doomed = asyncio.Event()
        both = [
            asyncio.create_task(self._requests(reader, server_writer, doomed)),
            asyncio.create_task(self._answers(server_reader, writer, doomed)),
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            for end in (writer, server_writer):
                end.transport.abort()

    async def _requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, doomed: asyncio.Event
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while sent := await reader.read(65_536):
                if self._words and self._words in sent:
                    self._words = None
                    doomed.set()
                writer.write(sent)

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, doomed: asyncio.Event) -> None:
        with contextlib.suppress(ConnectionError):
            while answer := await reader.read(65_536):
                if doomed.is_set():
                    self.was_cut.set()
                    return
                writer.write(answer)


@asynccontextmanager
async def cut_wire(host: str, port: int) -> AsyncIterator[CutWire]:
    """A wire that listens on a free port, in front of a PostgreSQL."""
    wire = CutWire(host, port)
    server = await asyncio.start_server(wire.carry, "127.0.0.1", 0)
    wire.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield wire
    finally:
        server.close()
