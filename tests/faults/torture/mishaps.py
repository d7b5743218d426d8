"""What may befall a single message between an executor and a control plane."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

from tests.faults.interposer import Forward, Hook, Lost
from tests.faults.torture.line import Line

OVERTAKEN_SECONDS = 4.0


@dataclass(slots=True, kw_only=True)
class Mishap:
    """`happens` is set when it does."""

    line: Line
    seconds: float
    happens: asyncio.Event = field(default_factory=asyncio.Event)

    def hook(self, how: str) -> Hook:
        hooks: dict[str, Hook] = {
            "request lost": self._request_lost,
            "reply lost": self._reply_lost,
            "sent twice": self._sent_twice,
            "late": self._late,
            "again late": self._again_late,
            "overtaken": self._overtaken,
        }
        return hooks[how]

    async def _request_lost(self, request: bytes, forward: Forward) -> bytes:
        self.happens.set()
        raise Lost("the request was lost")

    async def _reply_lost(self, request: bytes, forward: Forward) -> bytes:
        await forward(request)
        self.happens.set()
        raise Lost("the reply was lost")

    async def _sent_twice(self, request: bytes, forward: Forward) -> bytes:
        self.happens.set()
        first, _ = await asyncio.gather(forward(request), forward(request))
        return first

    async def _late(self, request: bytes, forward: Forward) -> bytes:
        """The caller has given up by then, perhaps, as its call is cancelled; the message arrives all the same."""
        return await asyncio.shield(self.line.later(self._sent_late(request, forward)))

    async def _again_late(self, request: bytes, forward: Forward) -> bytes:
        self.line.later(self._sent_late(request, forward))
        return await forward(request)

    async def _overtaken(self, request: bytes, forward: Forward) -> bytes:
        """Waits for another message to go by, such as a renewal."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(OVERTAKEN_SECONDS), self.line.carried:
                await self.line.carried.wait()
                self.happens.set()
        return await forward(request)

    async def _sent_late(self, request: bytes, forward: Forward) -> bytes:
        await asyncio.sleep(self.seconds)
        self.happens.set()
        return await forward(request)
