"""A server with one interceptor and four methods of one behaviour, one for each kind of call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc

Behaviour = Callable[[bytes], Awaitable[bytes]]
KINDS = ("UnaryUnary", "UnaryStream", "StreamUnary", "StreamStream")
# A caller has its answer before the interceptors are done with the call.
END_SECONDS = 5.0


@asynccontextmanager
async def tiny_server(
    behaviour: Behaviour, *interceptors: grpc.aio.ServerInterceptor
) -> AsyncIterator[grpc.aio.Channel]:
    """Serves `/tiny.Tiny/{kind}`, and gives a channel to it."""
    server = grpc.aio.server(interceptors=interceptors)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("tiny.Tiny", _methods(behaviour)),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(END_SECONDS)


async def call(
    channel: grpc.aio.Channel, kind: str, *, metadata: Sequence[tuple[str, str]] = (), **options: Any
) -> bytes:
    """Calls the method of that kind with one message, and gives what it answers."""
    begun = begin(channel, kind, metadata=metadata, **options)
    if kind.endswith("Stream"):
        return b"".join([each async for each in begun])
    return bytes(await begun)


def begin(channel: grpc.aio.Channel, kind: str, **options: Any) -> Any:
    """Begins a call, and gives what there is to await, to read or to cancel."""
    path = f"/tiny.Tiny/{kind}"
    multi_callables: dict[str, Any] = {
        "UnaryUnary": channel.unary_unary,
        "UnaryStream": channel.unary_stream,
        "StreamUnary": channel.stream_unary,
        "StreamStream": channel.stream_stream,
    }
    request = iter([b"?"]) if kind.startswith("Stream") else b"?"
    return multi_callables[kind](path)(request, **options)


def _methods(behaviour: Behaviour) -> dict[str, Any]:
    async def unary(request: bytes, context: Any) -> bytes:
        return await behaviour(request)

    async def stream(request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield await behaviour(request)

    async def from_stream(requests: AsyncIterator[bytes], context: Any) -> bytes:
        return await behaviour(b"".join([each async for each in requests]))

    async def writing(requests: AsyncIterator[bytes], context: Any) -> None:
        await context.write(await behaviour(b"".join([each async for each in requests])))

    return {
        "UnaryUnary": grpc.unary_unary_rpc_method_handler(unary),
        "UnaryStream": grpc.unary_stream_rpc_method_handler(stream),
        "StreamUnary": grpc.stream_unary_rpc_method_handler(from_stream),
        "StreamStream": grpc.stream_stream_rpc_method_handler(writing),
    }
