"""A wire to the control plane that misbehaves when told to: it stands between one executor and the LeaseService."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

import grpc

from tests.checker.wire import Wire

ACQUIRE = "AcquireLease"

Forward = Callable[[bytes], Awaitable[bytes]]
Hook = Callable[[bytes, Forward], Awaitable[bytes]]


class Carrier(Protocol):
    """What hands calls on: a channel, or what stands where one does."""

    def unary_unary(self, method: str) -> Callable[..., Awaitable[bytes]]: ...


class Lost(Exception):
    """A request, or its reply, was lost on the way: the caller hears UNAVAILABLE."""


class Interposer:
    """Hands on calls as they are, but for hooks. Lets no lease be asked for until it is opened.

    A hook is handed the request, and what sends it on; what it answers is the reply. What is sent on, and answered, the
    watch notes.
    """

    def __init__(self, channel: Carrier, watch: Wire) -> None:
        self._channel = channel
        self._watch = watch
        self._usual: Hook = hand_on
        self._hooks: dict[str, tuple[Hook, asyncio.Event]] = {}
        self._opened = asyncio.Event()
        self._acquiring: set[asyncio.Task[bytes]] = set()
        self.address = ""

    def open(self) -> None:
        """From now on the executor may ask for leases."""
        self._opened.set()

    def close(self) -> None:
        """From now on it may not, and what it asked for and did not get is called off."""
        self._opened.clear()
        for asking in self._acquiring:
            asking.cancel()

    def once(self, method: str, hook: Hook) -> asyncio.Event:
        """Has the next call of a method go through the hook; the event says that one came."""
        came = asyncio.Event()
        self._hooks[method] = hook, came
        return came

    def always(self, hook: Hook) -> None:
        """Has each call go through this hook that has none of its own, but those that ask for leases."""
        self._usual = hook

    def forget_hooks(self) -> None:
        self._hooks.clear()
        self._usual = hand_on

    async def answer(self, method: str, request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        try:
            if method.endswith(ACQUIRE):
                return await self._acquire(method, request)
            return await self._hooked(method, request, usual=self._usual)
        except Lost as lost:
            await context.abort(grpc.StatusCode.UNAVAILABLE, str(lost))
        except grpc.aio.AioRpcError as error:
            trailers = tuple(error.trailing_metadata() or ())
            await context.abort(error.code(), error.details() or "", trailers)

    async def _acquire(self, method: str, request: bytes) -> bytes:
        await self._opened.wait()
        asking = asyncio.create_task(self._hooked(method, request, usual=hand_on))
        self._acquiring.add(asking)
        try:
            await asyncio.wait({asking})
            if asking.cancelled():
                raise Lost("the wire was closed")
            return asking.result()
        finally:
            asking.cancel()
            self._acquiring.discard(asking)

    async def _hooked(self, method: str, request: bytes, *, usual: Hook) -> bytes:
        async def forward(request: bytes) -> bytes:
            sent = self._watch.sent()
            reply = await self._channel.unary_unary(method)(request, wait_for_ready=True)
            self._watch.answered(method, request, reply, sent=sent)
            return reply

        hook, came = self._hooks.pop(method.rpartition("/")[2], (usual, asyncio.Event()))
        came.set()
        try:
            return await hook(request, forward)
        except asyncio.CancelledError:
            if method.endswith(ACQUIRE):  # Nobody was there any more to see what it does.
                self._hooks.setdefault(ACQUIRE, (hook, came))
            raise


@asynccontextmanager
async def interposed(control_plane: str, watch: Wire | None = None) -> AsyncIterator[Interposer]:
    """An interposer that listens on a free port, in front of the control plane at an address."""
    options = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500)]
    async with (
        grpc.aio.insecure_channel(control_plane, options=options) as channel,
        interposed_before(channel, watch) as interposer,
    ):
        yield interposer


@asynccontextmanager
async def interposed_before(carrier: Carrier, watch: Wire | None = None) -> AsyncIterator[Interposer]:
    """The same, in front of whatever hands the calls on."""
    interposer = Interposer(carrier, watch or Wire())
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((_AnyMethod(interposer),))
    port = server.add_insecure_port("127.0.0.1:0")
    interposer.address = f"127.0.0.1:{port}"
    await server.start()
    try:
        yield interposer
    finally:
        await server.stop(grace=0)


async def hand_on(request: bytes, forward: Forward) -> bytes:
    """Does nothing amiss: for whoever only wants to know when a call comes."""
    return await forward(request)


async def lose_reply(request: bytes, forward: Forward) -> bytes:
    await forward(request)
    raise Lost("the reply was lost")


async def send_twice(request: bytes, forward: Forward) -> bytes:
    """Sends the request twice, at the same time, as a network may."""
    first, _ = await asyncio.gather(forward(request), forward(request))
    return first


async def send_again(request: bytes, forward: Forward) -> bytes:
    """Sends the request once more when it was answered, as a client may whose answer was lost."""
    await forward(request)
    return await forward(request)


class _AnyMethod(grpc.GenericRpcHandler):
    """Takes any unary call, in bytes."""

    def __init__(self, interposer: Interposer) -> None:
        self._interposer = interposer

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        async def answer(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            return await self._interposer.answer(details.method, request, context)

        return grpc.unary_unary_rpc_method_handler(answer)
