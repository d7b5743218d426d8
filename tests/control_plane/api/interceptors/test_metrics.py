"""Calls are counted and timed by method and by code."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from control_plane.api.interceptors.errors import Errors
from control_plane.api.interceptors.metrics import CallMetrics
from control_plane.errors import NotFound
from control_plane.metrics import Metrics
from tests.control_plane.api.interceptors.tiny import KINDS, call, tiny_server
from tests.control_plane.api.refusals import refused

TYPES = dict(zip(KINDS, ("unary", "server_stream", "client_stream", "bidi_stream"), strict=True))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_is_counted_by_its_kind_and_code(kind: str) -> None:
    metrics = Metrics(CollectorRegistry())

    async def refuse(request: bytes) -> bytes:
        raise NotFound("nothing there")

    interceptors = CallMetrics(metrics, [f"/tiny.Tiny/{kind}"]), Errors(unary_seconds=60, stream_seconds=60)
    async with tiny_server(refuse, *interceptors) as channel:
        await refused(call(channel, kind))
    labels = {"grpc_type": TYPES[kind], "grpc_service": "tiny.Tiny", "grpc_method": kind}
    value = metrics.registry.get_sample_value
    assert value("grpc_server_started_total", labels) == 1
    assert value("grpc_server_handled_total", {**labels, "grpc_code": "NOT_FOUND"}) == 1
    assert value("grpc_server_handling_seconds_count", labels) == 1


async def test_a_method_that_no_service_has_makes_no_series() -> None:
    metrics = Metrics(CollectorRegistry())

    async def answer(request: bytes) -> bytes:
        return b""

    async with tiny_server(answer, CallMetrics(metrics, [])) as channel:
        await call(channel, "UnaryUnary")
    unknown = {"grpc_type": "unary", "grpc_service": "unknown", "grpc_method": "unknown"}
    assert metrics.registry.get_sample_value("grpc_server_started_total", unknown) == 1
