"""A cut between an executor and the control plane: one way, or both."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from tests.faults.interposer import Forward


@dataclass(slots=True)
class Cut:
    """A hook that holds requests back, or their replies, or both, until the cut is healed.

    Then all of it arrives, however late, whether or not its sender still waits for it.
    """

    requests: bool = False
    replies: bool = False
    _healed: asyncio.Event = field(default_factory=asyncio.Event)
    _underway: set[asyncio.Task[bytes]] = field(default_factory=set)

    async def __call__(self, request: bytes, forward: Forward) -> bytes:
        carrying = asyncio.create_task(self._carry(request, forward))
        self._underway.add(carrying)
        return await asyncio.shield(carrying)

    async def heal(self) -> int:
        """Returns when all that was held back has arrived; how much it was."""
        self._healed.set()
        await asyncio.gather(*self._underway, return_exceptions=True)
        return len(self._underway)

    async def _carry(self, request: bytes, forward: Forward) -> bytes:
        if self.requests:
            await self._healed.wait()
        reply = await forward(request)
        if self.replies:
            await self._healed.wait()
        return reply
