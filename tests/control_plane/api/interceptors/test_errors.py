"""Whatever goes wrong, a caller gets a status of ours, and no text of an exception that is not."""

from __future__ import annotations

import asyncio

import grpc
import pytest
import structlog
from google.protobuf.message import DecodeError

from control_plane.api.interceptors.access_log import AccessLog
from control_plane.api.interceptors.errors import Errors
from control_plane.errors import LeaseFenced, LedgerUnavailable
from tests.control_plane.api.interceptors.tiny import KINDS, begin, call, tiny_server
from tests.control_plane.api.refusals import Refusal, refused

NO_DEADLINE = Errors(unary_seconds=60, stream_seconds=60)


async def refusal_of(error: Exception, kind: str = "UnaryUnary") -> Refusal:
    async def fail(request: bytes) -> bytes:
        raise error

    async with tiny_server(fail, AccessLog(), NO_DEADLINE) as channel:
        return await refused(call(channel, kind, metadata=[("x-request-id", "r1")]))


@pytest.mark.parametrize("kind", KINDS)
async def test_an_error_of_ours_becomes_its_status(kind: str) -> None:
    refusal = await refusal_of(LeaseFenced("lease 1 has moved on", lease="1"), kind)
    assert refusal.code is grpc.StatusCode.ABORTED
    assert (refusal.reason, refusal.message, refusal.metadata) == (
        "LEASE_FENCED",
        "lease 1 has moved on",
        {"lease": "1"},
    )


@pytest.mark.parametrize("kind", KINDS)
async def test_a_defect_tells_the_caller_only_its_request_id(kind: str) -> None:
    with structlog.testing.capture_logs() as logs:
        refusal = await refusal_of(RuntimeError("password=hunter2"), kind)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert refusal.metadata == {"request_id": "r1"}
    assert "hunter2" not in repr(refusal)
    (failed,) = [each for each in logs if each["event"] == "call_failed"]
    assert failed["exc_info"]


@pytest.mark.parametrize("error", [ValueError("no"), TimeoutError("socket"), KeyError("x"), grpc.aio.UsageError("x")])
async def test_no_exception_becomes_unknown(error: Exception) -> None:
    assert (await refusal_of(error)).code is grpc.StatusCode.INTERNAL


async def test_what_cannot_be_decoded_is_the_callers_fault() -> None:
    assert (await refusal_of(DecodeError("wire"), "StreamStream")).code is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_ledger_that_is_away_says_when_to_try_again() -> None:
    refusal = await refusal_of(LedgerUnavailable("the ledger cannot be reached now"))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "LEDGER_UNAVAILABLE")
    assert refusal.retry_seconds > 0


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_without_a_deadline_gets_the_servers(kind: str) -> None:
    async def wait(request: bytes) -> bytes:
        await asyncio.Event().wait()
        return b""

    async with tiny_server(wait, Errors(unary_seconds=0.05, stream_seconds=0.05)) as channel:
        refusal = await refused(call(channel, kind))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")


async def test_a_deadline_that_the_caller_set_is_left_alone() -> None:
    async def answer(request: bytes) -> bytes:
        await asyncio.sleep(0.1)
        return b"!"

    async with tiny_server(answer, Errors(unary_seconds=0.01, stream_seconds=0.01)) as channel:
        assert await call(channel, "UnaryUnary", timeout=30) == b"!"


async def test_a_cancelled_call_is_cancelled_in_the_handler() -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def wait(request: bytes) -> bytes:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return b""

    async with tiny_server(wait, NO_DEADLINE) as channel:
        pending = begin(channel, "UnaryUnary")
        await begun.wait()
        pending.cancel()
        async with asyncio.timeout(5):
            await cancelled.wait()


@pytest.mark.parametrize("kind", KINDS)
async def test_what_goes_well_is_answered(kind: str) -> None:
    async def answer(request: bytes) -> bytes:
        return request + b"!"

    async with tiny_server(answer, AccessLog(), NO_DEADLINE) as channel:
        assert await call(channel, kind) == b"?!"
