"""The limit of calls: those beyond it are refused, and a call that ends makes room."""

from __future__ import annotations

import asyncio

from control_plane.api.interceptors.errors import Errors
from control_plane.api.interceptors.limit import Limit
from control_plane.errors import NotFound
from tests.control_plane.api.interceptors.tiny import KINDS, begin, call, tiny_server
from tests.control_plane.api.refusals import refused

ERRORS = Errors(unary_seconds=60, stream_seconds=60)


async def test_a_call_beyond_the_limit_is_refused_until_one_ends() -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def wait(request: bytes) -> bytes:
        begun.set()
        await may_end.wait()
        return b"!"

    async with tiny_server(wait, ERRORS, Limit(1)) as channel:
        first = begin(channel, "UnaryUnary")
        await begun.wait()
        assert (await refused(call(channel, "UnaryUnary"))).reason == "OVERLOADED"
        may_end.set()
        assert await first == b"!"
        assert await call(channel, "UnaryUnary") == b"!"


async def test_a_call_that_fails_makes_room_too() -> None:
    async def fail(request: bytes) -> bytes:
        raise NotFound("nothing there")

    async with tiny_server(fail, ERRORS, Limit(1)) as channel:
        for kind in KINDS * 2:
            assert (await refused(call(channel, kind))).reason == "NOT_FOUND"
