"""Connects to the control plane, and repeats a call until it is answered or refused."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar, cast

import grpc
import structlog
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from executor.backoff import backoff_seconds

CALL_SECONDS = 10.0
RETRY_PAUSE_SECONDS_MAX = 60.0

# The server admits a ping every 10 s: a shorter time here would end in GOAWAY too_many_pings.
# Our own repeats know what may be repeated, so grpc's are off.
CHANNEL_OPTIONS = (
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 5_000),
    # One that was away for long waits a lease before it takes leases back: by then we must be there again.
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
)

# CANCELLED is what a stopping server answers; a call that we cancel raises CancelledError instead.
PASSING_CODES = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
    }
)

Channel = grpc.aio.Channel

log = structlog.get_logger()
Request = TypeVar("Request", contravariant=True)
Response = TypeVar("Response", covariant=True)


class LeaseFenced(Exception):
    """The lease moved on: another executor holds it, or its run was cancelled. Forget it."""


class ControlPlaneRefused(Exception):
    """The control plane refused a call, and would refuse it again; `reason` and `details` are its own words."""

    def __init__(self, code: str, *, reason: str, details: str) -> None:
        super().__init__(f"{code} ({reason or 'without a reason'}): {details}")
        self.reason = reason
        self.details = details


class Method(Protocol[Request, Response]):
    """A unary method of a stub."""

    def __call__(self, request: Request, /, *, timeout: float, wait_for_ready: bool) -> Awaitable[Response]: ...


def boot_seconds() -> float:
    """Seconds since the machine's boot, with those in which it slept where it can tell."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@asynccontextmanager
async def open_channel(address: str) -> AsyncIterator[Channel]:
    """A channel to `host:port`, which connects again by itself; a change is logged once."""
    async with grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
        watcher = asyncio.create_task(_log_connection(channel, address))
        try:
            yield channel
        finally:
            watcher.cancel()


class Caller:
    """Calls methods that may be repeated."""

    def __init__(self, *, pause_seconds: Callable[[int], float] = backoff_seconds) -> None:
        self._pause_seconds = pause_seconds
        self._trouble: grpc.StatusCode | None = None

    async def call(
        self,
        method: Method[Request, Response],
        request: Request,
        *,
        deadline_seconds: float = CALL_SECONDS,
    ) -> tuple[Response, float]:
        """The answer, and when the request that it answers was sent, by `boot_seconds`.

        Goes on while the control plane is away or has no room, until it is cancelled.
        Raises LeaseFenced, or ControlPlaneRefused for any other answer that would not change.
        """
        for attempt in itertools.count():
            sent_at = boot_seconds()
            try:
                response = await method(request, timeout=deadline_seconds, wait_for_ready=True)
            except grpc.aio.AioRpcError as error:
                pause_seconds = _pause_asked_for(error)
                self._note(error.code(), error.details())
                # After a long outage too, a renewal comes well within the lease that the reaper waits for it.
                await asyncio.sleep(max(pause_seconds, min(self._pause_seconds(attempt), deadline_seconds)))
            else:
                self._note(None)
                return response, sent_at
        raise AssertionError("count() does not end")

    def _note(self, trouble: grpc.StatusCode | None, details: str | None = None) -> None:
        """Logs a trouble when it begins, changes and ends, not at each repeat."""
        if trouble is self._trouble:
            return
        self._trouble = trouble
        if trouble is None:
            log.info("control_plane_answers_again")
        else:
            log.warning("control_plane_call_repeated", code=trouble.name, details=details)


def _pause_asked_for(error: grpc.aio.AioRpcError) -> float:
    """Seconds that the server asks us to wait, or 0. Raises when a repeat would be vain."""
    status = _status(error)
    if error.code() in PASSING_CODES:
        return 0.0
    retry, info = RetryInfo(), ErrorInfo()
    for detail in status.details:
        detail.Unpack(retry) or detail.Unpack(info)
    # Without RetryInfo it is a limit of grpc's own, such as a message too large.
    if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and retry.HasField("retry_delay"):
        seconds: float = retry.retry_delay.ToTimedelta().total_seconds()
        return min(seconds, RETRY_PAUSE_SECONDS_MAX)
    if error.code() is grpc.StatusCode.ABORTED and info.reason == "LEASE_FENCED":
        raise LeaseFenced(error.details()) from error
    raise ControlPlaneRefused(error.code().name, reason=info.reason, details=error.details() or "") from error


def _status(error: grpc.aio.AioRpcError) -> Status:
    try:
        return rpc_status.from_call(cast(grpc.Call, error)) or Status()
    except ValueError:  # Details that contradict the code: a proxy rewrote one of them.
        return Status()


async def _log_connection(channel: Channel, address: str) -> None:
    connected: bool | None = None
    state = channel.get_state(try_to_connect=True)
    while True:
        if state is grpc.ChannelConnectivity.READY and connected is not True:
            connected = True
            log.info("control_plane_connected", address=address)
        elif state is grpc.ChannelConnectivity.TRANSIENT_FAILURE and connected is not False:
            connected = False
            log.warning("control_plane_away", address=address)
        await channel.wait_for_state_change(state)
        state = channel.get_state()
