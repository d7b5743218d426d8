"""The one place where what went wrong becomes what a caller is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import grpc
import structlog
from google.protobuf.message import DecodeError
from google.rpc import status_pb2
from grpc_status import rpc_status

from control_plane.api.interceptors.access_log import current_request_id
from control_plane.api.interceptors.interceptor import (
    Call,
    Context,
    Continuation,
    Handler,
    Interceptor,
    parts_of,
)
from control_plane.api.status import status, status_of
from control_plane.errors import AutoloaderError, InvalidField, Violation

log = structlog.get_logger()

_NO_MESSAGE = Violation("request", "is no message of this method's request type")


class Errors(Interceptor):
    """Turns every exception into a status of ours, and gives calls without a deadline the server's.

    The text of an exception that is not ours never reaches a caller: it is logged under the
    request's id.
    """

    def __init__(self, *, unary_seconds: float, stream_seconds: float) -> None:
        self._unary_seconds = unary_seconds
        self._stream_seconds = stream_seconds

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        handler = await continuation(handler_call_details) or _unknown_method()
        return self.wrap(_decoding_inside(handler), handler_call_details.method)

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        deadline = asyncio.timeout(self._seconds(call))
        try:
            async with deadline:
                yield
        except AutoloaderError as error:
            await _abort(call.context, status_of(error))
        except grpc.aio.AbortError:
            raise
        except DecodeError:
            await _abort(call.context, status_of(InvalidField(_NO_MESSAGE)))
        except NotImplementedError:
            await _abort(call.context, _unimplemented(call.method))
        except Exception as error:
            if isinstance(error, TimeoutError) and deadline.expired():
                await _abort(call.context, _deadline_exceeded())
            log.exception("call_failed", method=call.method)
            await _abort(call.context, _internal())

    def _seconds(self, call: Call) -> float | None:
        """A deadline that the caller set is kept by gRPC itself, which cancels the handler."""
        if call.context.time_remaining() is not None:
            return None
        return self._stream_seconds if call.response_streaming else self._unary_seconds


class _Undecodable:
    """Stands for a request whose bytes are no message of its type."""


def _decoding_inside(handler: Handler) -> Handler:
    """Decodes a lone request where its errors are caught: raised outside, they would reach the caller as UNKNOWN."""
    decode = handler.request_deserializer
    if handler.request_streaming or decode is None:
        return handler
    behaviour, build = parts_of(handler)

    def decode_or_mark(data: bytes) -> Any:
        try:
            return decode(data)
        except DecodeError:
            return _Undecodable()

    def behave(request: Any, context: Context) -> Any:
        if isinstance(request, _Undecodable):
            raise DecodeError
        return behaviour(request, context)

    return build(behave, decode_or_mark, handler.response_serializer)


def _unknown_method() -> Handler:
    async def refuse(_request: Any, _context: Context) -> NoReturn:
        raise NotImplementedError  # answered above as UNIMPLEMENTED, with the method's name and a remedy

    return grpc.unary_unary_rpc_method_handler(refuse)


async def _abort(context: Context, result: status_pb2.Status) -> NoReturn:
    await context.abort_with_status(rpc_status.to_status(result))


def _unimplemented(method: str) -> status_pb2.Status:
    return status(
        "UNIMPLEMENTED",
        f"this server has no method {method}; a newer one may",
        {"method": method},
    )


def _deadline_exceeded() -> status_pb2.Status:
    return status(
        "DEADLINE_EXCEEDED",
        "the call did not end within the server's deadline; repeat it with the same request id",
        {},
    )


def _internal() -> status_pb2.Status:
    request_id = current_request_id()
    return status(
        "INTERNAL",
        f"a defect of Autoloader; the server's log has it under the request id {request_id}",
        {"request_id": request_id},
    )
