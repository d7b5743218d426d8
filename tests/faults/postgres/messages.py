"""PostgreSQL's wire protocol, as far as a proxy must read it to know which statement goes by.

https://www.postgresql.org/docs/current/protocol-message-formats.html: after the opening, a message is a byte that says
its kind, four bytes of length that count themselves, and the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

SSL_REQUEST = 80877103


@dataclass(frozen=True, slots=True)
class Request:
    """A message to the server; `statement` is the SQL that it makes the server run, `asks` if it is to be answered."""

    data: bytes
    statement: str | None
    asks: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """A message of the server; `ends_answer` when it is ready for the next statement."""

    data: bytes
    ends_answer: bool


async def copy_opening(
    reader: asyncio.StreamReader, client: asyncio.StreamWriter, server: asyncio.StreamWriter
) -> None:
    """Hands on what opens a connection, which has no kind; a question for TLS is answered with no."""
    while True:
        length = await reader.readexactly(4)
        rest = await reader.readexactly(int.from_bytes(length) - 4)
        if int.from_bytes(rest[:4]) != SSL_REQUEST:
            server.write(length + rest)
            return
        client.write(b"N")


class Requests:
    """The client's side. Prepared statements go by their names, so the SQL is kept from when they were parsed."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self.reader = reader
        self._prepared: dict[bytes, str] = {}
        self._bound = ""

    async def messages(self) -> AsyncIterator[Request]:
        async for kind, body, data in _messages(self.reader):
            yield Request(data, self._statement(kind, body), asks=kind in (b"Q", b"S"))

    def _statement(self, kind: bytes, body: bytes) -> str | None:
        match kind:
            case b"Q":
                return _text(body.split(b"\0")[0])
            case b"P":
                name, sql, _ = body.split(b"\0", 2)
                self._prepared[name] = _text(sql)
            case b"B":
                _, name, _ = body.split(b"\0", 2)
                self._bound = self._prepared[name]
            case b"E":
                return self._bound
        return None


class Answers:
    """The server's side; `backend` is the number of its process."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self.backend = 0

    async def messages(self) -> AsyncIterator[Answer]:
        async for kind, body, data in _messages(self._reader):
            if kind == b"K":
                self.backend = int.from_bytes(body[:4])
            yield Answer(data, ends_answer=kind == b"Z")


async def _messages(reader: asyncio.StreamReader) -> AsyncIterator[tuple[bytes, bytes, bytes]]:
    while True:
        head = await reader.readexactly(5)
        body = await reader.readexactly(int.from_bytes(head[1:]) - 4)
        yield head[:1], body, head + body


def _text(sql: bytes) -> str:
    return sql.decode(errors="replace").strip()
