"""How many calls may be under way at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from control_plane.api.interceptors.interceptor import Call, Interceptor
from control_plane.errors import Overloaded


class Limit(Interceptor):
    """Refuses calls beyond a number; health checks pass, else a busy server would be taken for a dead one."""

    def __init__(self, calls_max: int) -> None:
        self._calls_max = calls_max
        self._calls = 0

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        if call.method.startswith("/grpc.health."):
            yield
            return
        if self._calls >= self._calls_max:
            raise Overloaded(f"{self._calls_max} calls are under way, as many as are allowed; try again")
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1
