"""Counts and times calls, under the names that every gRPC dashboard knows."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from control_plane.api.interceptors.interceptor import Call, Interceptor
from control_plane.metrics import Metrics

_TYPES = {
    (False, False): "unary",
    (False, True): "server_stream",
    (True, False): "client_stream",
    (True, True): "bidi_stream",
}


class CallMetrics(Interceptor):
    """Counts calls by method; those to methods that do not exist count together, so that no caller makes series."""

    def __init__(self, metrics: Metrics, methods: Collection[str]) -> None:
        self._metrics = metrics
        self._methods = frozenset(methods)

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        labels = self._labels(call)
        self._metrics.calls_started.labels(*labels).inc()
        started = time.monotonic()
        failure: BaseException | None = None
        try:
            yield
        except BaseException as error:
            failure = error
            raise
        finally:
            self._metrics.calls_handled.labels(*labels, call.code(failure)).inc()
            self._metrics.call_seconds.labels(*labels).observe(time.monotonic() - started)

    def _labels(self, call: Call) -> tuple[str, str, str]:
        if call.method not in self._methods:
            return "unary", "unknown", "unknown"
        _, service, method = call.method.split("/")
        return _TYPES[call.request_streaming, call.response_streaming], service, method
