"""Reads the clock when a call is answered."""

from __future__ import annotations

import asyncio
import time

from tests.faults.interposer import Forward, Interposer


def answered_at(wire: Interposer, method: str) -> asyncio.Future[float]:
    """The moment at which the next call of a method is answered, by the monotonic clock."""
    answered: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    async def note(request: bytes, forward: Forward) -> bytes:
        reply = await forward(request)
        answered.set_result(time.monotonic())
        return reply

    wire.once(method, note)
    return answered
