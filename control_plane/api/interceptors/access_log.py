"""One log line a call, and the id by which a caller's report and our log find each other."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from control_plane import failpoints
from control_plane.api.interceptors.interceptor import Call, Context, Interceptor

REQUEST_ID_HEADER = "x-request-id"
# Asked every few seconds by machines; worth a line only while somebody looks for it.
_QUIET = ("/grpc.health.", "/grpc.reflection.")

log = structlog.get_logger()


class AccessLog(Interceptor):
    """Binds the request id to every log line of the call, and writes one line at its end."""

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        structlog.contextvars.bind_contextvars(request_id=_request_id(call.context))
        failpoints.enter(call.method.rpartition("/")[2])
        started = time.monotonic()
        failure: BaseException | None = None
        try:
            yield
        except BaseException as error:
            failure = error
            raise
        finally:
            write = log.debug if call.method.startswith(_QUIET) else log.info
            write(
                "call",
                method=call.method,
                code=call.code(failure),
                seconds=round(time.monotonic() - started, 4),
            )


def current_request_id() -> str:
    """Gives the id of the call that this code runs for."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))


def _request_id(context: Context) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == REQUEST_ID_HEADER and re.fullmatch(r"[\w.:/+=-]{1,100}", str(value), re.ASCII):
            return str(value)
    return uuid.uuid4().hex
