"""The scene of the crash matrix: services that fail where they are told to, and start again."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import grpc

from tests.faults.failpoints import Failpoints
from tests.faults.scene import Scene

# Long enough for a slow machine's heartbeat, short enough for hundreds of takeovers.
LEASE_SECONDS = 2.0
REPEAT_SECONDS = 30.0
PAUSE_SECONDS = 0.1

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Stage:
    """`control_plane_points` and `executor_points` are those of the control plane and of the scene's victim.

    `spark_url` is that of the server on which all executors work.
    """

    scene: Scene
    spark_url: str
    control_plane_points: Failpoints
    executor_points: Failpoints

    @asynccontextmanager
    async def befallen(self, point: str, action: str) -> AsyncIterator[None]:
        """Has it happen at the control plane's point while the block runs, which may go on when it has been mended."""
        happens = self.control_plane_points.arm(point, action)
        mending = asyncio.create_task(self._mended(happens, is_killed=action == "kill"))
        yield
        await mending

    async def _mended(self, happens: asyncio.Event, *, is_killed: bool) -> None:
        await happens.wait()
        if is_killed:
            await self.scene.control_plane.ended()
            await self.scene.control_plane.start()

    async def tidy_up(self) -> None:
        """Leaves the services running, asking for nothing."""
        for points in (self.control_plane_points, self.executor_points):
            points.disarm()
        for each in (self.scene.victim, self.scene.successor):
            await each.revive()


async def repeated(call: Callable[[str], Awaitable[Answer]]) -> Answer:
    """The answer to a call that is made again, under one request id, for as long as nobody answers it."""
    request_id = str(uuid.uuid4())
    async with asyncio.timeout(REPEAT_SECONDS):
        while True:
            try:
                return await call(request_id)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
            await asyncio.sleep(PAUSE_SECONDS)
