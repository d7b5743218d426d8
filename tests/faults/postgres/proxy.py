"""A wire to PostgreSQL that reads along, and fails at the statement that a test names: cut, terminated, or held up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import urlsplit

import asyncpg

from tests.faults.postgres.messages import Answers, Request, Requests, copy_opening


class Fault(Enum):
    """What becomes of a statement."""

    # Cut off before the server hears of it: it, and the transaction that it belongs to, never happened.
    REQUEST_LOST = auto()
    # The server did it, and its answer is cut off.
    ANSWER_LOST = auto()
    # The server ends the connection by an administrator's command before it, or while it is under way.
    TERMINATED = auto()
    TERMINATED_MEANWHILE = auto()
    # The server hears it twice, as from a transport that repeats what was not answered; its second answer is handed on.
    REPLAYED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement on its way, and those of its transaction before it."""

    sql: str
    earlier: tuple[str, ...]


Condition = Callable[[Statement], bool]
Act = Callable[[], Awaitable[None]]


def has(words: str) -> Condition:
    return lambda statement: words in statement.sql


def is_commit_of(words: str) -> Condition:
    """Whether it commits a transaction in which one statement has these words."""
    return lambda statement: statement.sql.startswith("COMMIT") and any(words in sql for sql in statement.earlier)


@dataclass(frozen=True, slots=True)
class _Rule:
    fault: Fault
    condition: Condition
    fired: asyncio.Event


class Proxy:
    """Hands on every message as it is, until a rule says otherwise.

    `url` is the database's, through it; `heard` are the statements so far.
    """

    def __init__(self, direct_url: str) -> None:
        self.direct_url = direct_url
        self._rule: _Rule | None = None
        self._meanwhile: tuple[Condition, Act] | None = None
        self._flow = asyncio.Event()
        self._flow.set()
        self.url = ""
        self.heard: list[str] = []

    def once(self, fault: Fault, condition: Condition) -> asyncio.Event:
        """Lets the next statement of which the condition holds fail; the event says that one did."""
        self._rule = _Rule(fault, condition, asyncio.Event())
        return self._rule.fired

    def before_each(self, condition: Condition, act: Act) -> None:
        """Acts each time before a statement of which the condition holds is handed on, which waits for it."""
        self._meanwhile = condition, act

    def freeze(self) -> None:
        """Holds every byte back from now on, as a stopped machine does: connections stay, nothing is answered."""
        self._flow.clear()

    def thaw(self) -> None:
        self._flow.set()

    def lead_to(self, direct_url: str) -> None:
        """From now on new connections go to this server."""
        self.direct_url = direct_url

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = urlsplit(self.direct_url)
        try:
            server_reader, server_writer = await asyncio.open_connection(address.hostname, address.port)
        except OSError:
            writer.transport.abort()
            return
        line = _Line(Requests(reader), server_writer, Answers(server_reader), writer)
        both = [asyncio.create_task(self._requests(line)), asyncio.create_task(self._answers(line))]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            for end in (writer, server_writer):
                end.transport.abort()
            await asyncio.gather(*both, return_exceptions=True)

    async def _requests(self, line: _Line) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await copy_opening(line.requests.reader, line.client, line.server)
            async for message in line.requests.messages():
                await self._act_before(line, message.statement)
                fault = self._fault_of(line, message.statement)
                await self._flow.wait()
                if fault is Fault.REQUEST_LOST:
                    return
                if fault is Fault.ANSWER_LOST:
                    line.doomed = True
                if fault is Fault.TERMINATED:
                    await self._terminate(line.answers.backend)
                if fault is Fault.REPLAYED:
                    line.answers_lost += 1
                line.send(message)
                if fault is Fault.TERMINATED_MEANWHILE:
                    await self._terminate(line.answers.backend)

    async def _answers(self, line: _Line) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            async for message in line.answers.messages():
                await self._flow.wait()
                if line.answers_lost:
                    line.answers_lost -= message.ends_answer
                elif not line.doomed:
                    line.client.write(message.data)
                elif message.ends_answer:
                    return

    async def _act_before(self, line: _Line, sql: str | None) -> None:
        if sql is not None and self._meanwhile is not None:
            condition, act = self._meanwhile
            if condition(Statement(sql=sql, earlier=tuple(line.transaction))):
                await act()

    def _fault_of(self, line: _Line, sql: str | None) -> Fault | None:
        """Takes note of a statement; the fault that becomes of it."""
        if sql is None:
            return None
        self.heard.append(sql)
        statement = Statement(sql=sql, earlier=tuple(line.transaction))
        line.note(sql)
        rule = self._rule
        if rule is None or not rule.condition(statement):
            return None
        self._rule = None
        rule.fired.set()
        return rule.fault

    async def _terminate(self, backend: int) -> None:
        """Returns when the server has ended that process, and with it what it had not committed."""
        connection = await asyncpg.connect(self.direct_url)
        try:
            await connection.execute(f"SELECT pg_terminate_backend({backend}, 5000)")
        finally:
            await connection.close()


class _Line:
    """One connection: both its ends, and the statements of its transaction."""

    def __init__(
        self, requests: Requests, server: asyncio.StreamWriter, answers: Answers, client: asyncio.StreamWriter
    ) -> None:
        self.requests = requests
        self.server = server
        self.answers = answers
        self.client = client
        self.doomed = False
        self.answers_lost = 0
        self.transaction: list[str] = []
        self._unanswered: list[bytes] = []

    def send(self, message: Request) -> None:
        """Hands a message on; with the last of a question whose answer is to be lost, asks all of it once more."""
        self.server.write(message.data)
        self._unanswered.append(message.data)
        if message.asks:
            if self.answers_lost:
                self.server.write(b"".join(self._unanswered))
            self._unanswered.clear()

    def note(self, sql: str) -> None:
        if sql.startswith(("BEGIN", "COMMIT", "ROLLBACK")):
            self.transaction.clear()
        else:
            self.transaction.append(sql)


@asynccontextmanager
async def proxied(direct_url: str) -> AsyncIterator[Proxy]:
    """A proxy on a free port, in front of the database of that url."""
    proxy = Proxy(direct_url)
    server = await asyncio.start_server(proxy.carry, "127.0.0.1", 0)
    address = urlsplit(direct_url)
    port = server.sockets[0].getsockname()[1]
    proxy.url = address._replace(netloc=f"{address.username}:{address.password}@127.0.0.1:{port}").geturl()
    try:
        yield proxy
    finally:
        server.close()
