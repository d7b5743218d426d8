"""The one shape of an interceptor: something that happens around a call, of whatever kind the call is."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc

# Only the stubs know them as generic.
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Continuation: TypeAlias = "Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]"


@dataclass(frozen=True, slots=True)
class Call:
    """A call under way; `method` is its full name, `/autoloader.v1.RunService/GetRun`."""

    method: str
    request_streaming: bool
    response_streaming: bool
    context: Context

    def code(self, error: BaseException | None) -> str:
        """Names the status that the caller sees, given what the handler raised."""
        number = int(_number(self.context.code()))
        if number:
            return _NAMES[number]
        if error is None:
            return "OK"
        remaining = self.context.time_remaining()
        is_late = remaining is not None and remaining <= 0
        return "DEADLINE_EXCEEDED" if is_late else "CANCELLED"


class Interceptor(grpc.aio.ServerInterceptor, ABC):
    """Wraps unary and streaming handlers alike in `around`."""

    @abstractmethod
    def around(self, call: Call) -> AbstractAsyncContextManager[None]:
        """Surrounds the handler: it runs in the body, and what it raises is raised there."""

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        handler = await continuation(handler_call_details)
        return self.wrap(handler, handler_call_details.method) if handler else None

    def wrap(self, handler: Handler, method: str) -> Handler:
        """Gives a handler of the same kind that runs the given one inside `around`."""
        behaviour, build = parts_of(handler)

        def call(context: Context) -> Call:
            return Call(method, handler.request_streaming, handler.response_streaming, context)

        async def unary(request: Any, context: Context) -> Any:
            async with self.around(call(context)):
                return await behaviour(request, context)

        async def stream(request: Any, context: Context) -> AsyncIterator[Any]:
            async with self.around(call(context)):
                responses = behaviour(request, context)
                if inspect.isawaitable(responses):
                    await responses
                    return
                async for response in responses:
                    yield response

        wrapped = stream if handler.response_streaming else unary
        return build(wrapped, handler.request_deserializer, handler.response_serializer)


_NAMES: dict[int, str] = {code.value[0]: code.name for code in grpc.StatusCode}


def _number(code: Any) -> int:
    """Reads what `context.code()` answers: a StatusCode, or its number, or None before it is set."""
    return int(code.value[0] if isinstance(code, grpc.StatusCode) else code or 0)


def parts_of(handler: Handler) -> tuple[Callable[..., Any], Callable[..., Handler]]:
    """Gives what a handler does, and the function that builds another of its kind."""
    match handler.request_streaming, handler.response_streaming:
        case False, False:
            parts = handler.unary_unary, grpc.unary_unary_rpc_method_handler
        case False, True:
            parts = handler.unary_stream, grpc.unary_stream_rpc_method_handler
        case True, False:
            parts = handler.stream_unary, grpc.stream_unary_rpc_method_handler
        case _:
            parts = handler.stream_stream, grpc.stream_stream_rpc_method_handler
    behaviour, build = parts
    assert behaviour is not None, "a handler has the behaviour of its kind"
    return behaviour, build
