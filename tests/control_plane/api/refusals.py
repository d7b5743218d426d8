"""What a refused call must look like, whatever refused it."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from control_plane.api.status import DOMAIN

TRAILER_BYTES_MAX = 8 * 1024


@dataclass(frozen=True)
class Refusal:
    """The status of a refused call, unpacked."""

    code: grpc.StatusCode
    message: str
    reason: str
    metadata: dict[str, str]
    violations: dict[str, str]
    retry_seconds: int


async def refused(call: Awaitable[Any]) -> Refusal:
    """Awaits a call that must fail, with exactly one ErrorInfo of ours, in a status that fits its trailers."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return read(caught.value)


def read(error: grpc.aio.AioRpcError) -> Refusal:
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    assert status is not None, f"{error.code()} has no details: {error.details()}"
    assert len(status.SerializeToString()) * 4 / 3 + len(error.details() or "") < TRAILER_BYTES_MAX
    (info,) = [_unpacked(each, error_details_pb2.ErrorInfo) for each in status.details if _is(each, "ErrorInfo")]
    requests = [_unpacked(each, error_details_pb2.BadRequest) for each in status.details if _is(each, "BadRequest")]
    retries = [_unpacked(each, error_details_pb2.RetryInfo) for each in status.details if _is(each, "RetryInfo")]
    assert info.domain == DOMAIN
    return Refusal(
        code=error.code(),
        message=error.details() or "",
        reason=info.reason,
        metadata=dict(info.metadata),
        violations={each.field: each.description for request in requests for each in request.field_violations},
        retry_seconds=sum(each.retry_delay.seconds for each in retries),
    )


def _is(detail: Any, name: str) -> bool:
    return bool(detail.type_url.endswith(f".{name}"))


def _unpacked(detail: Any, kind: Any) -> Any:
    result = kind()
    assert detail.Unpack(result)
    return result
