"""Each call leaves one line, found by the id that the caller chose or got."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
import structlog

from control_plane.api.interceptors.access_log import AccessLog, current_request_id
from control_plane.api.interceptors.errors import Errors
from control_plane.errors import NotFound
from tests.control_plane.api.interceptors.tiny import KINDS, begin, call, tiny_server
from tests.control_plane.api.refusals import refused

ERRORS = Errors(unary_seconds=60, stream_seconds=60)


async def own_id(request: bytes) -> bytes:
    return current_request_id().encode()


async def _written(logs: Sequence[object]) -> None:
    """A line is written after the caller has its answer."""
    async with asyncio.timeout(10):
        while not logs:  # noqa: ASYNC110 (nothing tells when it is written)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_is_logged_once_with_method_code_and_time(kind: str) -> None:
    async with tiny_server(own_id, AccessLog(), ERRORS) as channel:
        with structlog.testing.capture_logs() as logs:
            await call(channel, kind)
            await _written(logs)
    (line,) = logs
    assert (line["event"], line["method"], line["code"]) == ("call", f"/tiny.Tiny/{kind}", "OK")
    assert 0 <= line["seconds"] < 5


async def test_a_refused_call_is_logged_with_its_code() -> None:
    async def refuse(request: bytes) -> bytes:
        raise NotFound("nothing there")

    async with tiny_server(refuse, AccessLog(), ERRORS) as channel:
        with structlog.testing.capture_logs() as logs:
            await refused(call(channel, "UnaryUnary"))
            await _written(logs)
    assert [line["code"] for line in logs] == ["NOT_FOUND"]


async def test_a_cancelled_call_is_logged_as_such() -> None:
    begun = asyncio.Event()

    async def wait(request: bytes) -> bytes:
        begun.set()
        await asyncio.Event().wait()
        return b""

    with structlog.testing.capture_logs() as logs:
        async with tiny_server(wait, AccessLog(), ERRORS) as channel:
            pending = begin(channel, "UnaryUnary")
            await begun.wait()
            pending.cancel()
            await _written(logs)
    assert [line["code"] for line in logs] == ["CANCELLED"]


async def test_the_callers_request_id_is_kept_when_it_is_one() -> None:
    async with tiny_server(own_id, AccessLog()) as channel:
        assert await call(channel, "UnaryUnary", metadata=[("x-request-id", "job-7/3")]) == b"job-7/3"
        made_up = await call(channel, "UnaryUnary", metadata=[("x-request-id", "a b; drop")])
        assert b"drop" not in made_up
        assert await call(channel, "UnaryUnary") != made_up
