"""The line of an executor to whichever control plane it is led to; it can be cut, in either direction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import grpc

from tests.faults.interposer import Lost
from tests.faults.torture.calls import Calls


class Line:
    """Stands where a channel does. What it carries is noted in `calls`, also when nobody hears the answer."""

    def __init__(self, channels: Sequence[grpc.aio.Channel], *, executor: str) -> None:
        self._channels = channels
        self.executor = executor
        self.calls = Calls()
        self._leads_to = 0
        self._requests = _Way()
        self._replies = _Way()
        self._late: set[asyncio.Task[bytes]] = set()
        self.carried = asyncio.Condition()

    def unary_unary(self, method: str) -> Callable[..., Awaitable[bytes]]:
        return partial(self._carry, method)

    def later(self, message: Coroutine[Any, Any, bytes]) -> asyncio.Task[bytes]:
        """Sends a message for which nobody may be waiting any more; what comes of it is of no matter then."""
        task = asyncio.create_task(message)
        self._late.add(task)
        task.add_done_callback(self._arrived)
        return task

    def switch(self) -> None:
        """Leads to the next control plane from now on."""
        self._leads_to = (self._leads_to + 1) % len(self._channels)

    @asynccontextmanager
    async def cut(self, which: str) -> AsyncIterator[Callable[[], int]]:
        """Cuts `requests`, `replies` or `both ways` for the block, which may ask how many messages were caught."""
        ways = {"requests": [self._requests], "replies": [self._replies]}.get(which, [self._requests, self._replies])
        for way in ways:
            way.close()
        try:
            yield lambda: sum(way.caught for way in ways)
        finally:
            for way in ways:
                way.open()

    def _arrived(self, task: asyncio.Task[bytes]) -> None:
        self._late.discard(task)
        if not task.cancelled():
            task.exception()

    async def _carry(self, method: str, request: bytes, *, wait_for_ready: bool) -> bytes:
        await self._requests.passed()
        sent = self.calls.sent()
        channel = self._channels[self._leads_to]
        call: Callable[..., Awaitable[bytes]] = channel.unary_unary(method)
        try:
            reply = await call(request, wait_for_ready=wait_for_ready)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.ABORTED:
                self.calls.fenced(method, request)
            raise
        self.calls.answered(self.executor, method, request, reply, sent=sent)
        async with self.carried:
            self.carried.notify_all()
        await self._replies.passed()
        return reply


class _Way:
    """One direction. A message that comes to where it is cut waits until it is mended, and is lost then."""

    def __init__(self) -> None:
        self._mended = asyncio.Event()
        self._mended.set()
        self.caught = 0

    def close(self) -> None:
        self.caught = 0
        self._mended.clear()

    def open(self) -> None:
        self._mended.set()

    async def passed(self) -> None:
        if not self._mended.is_set():
            self.caught += 1
            await self._mended.wait()
            raise Lost("the line was cut")
