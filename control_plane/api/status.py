"""Errors as `google.rpc.Status`: one ErrorInfo each, small enough for the trailers that carry it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as details
from google.rpc import status_pb2

from control_plane.errors import AutoloaderError, InvalidField, Violation

DOMAIN = "autoloader.v1"
VIOLATIONS_MAX = 20
# Trailers hold 8 KiB: the message percent-encoded (up to three times its size) and the details in
# base64.
MESSAGE_BYTES_MAX = 600
STATUS_BYTES_MAX = 4_400
_METADATA_BYTES_MAX = 200
_VIOLATION_BYTES_MAX = 400

_CODES = {
    "INVALID_FIELD": grpc.StatusCode.INVALID_ARGUMENT,
    "NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "ALREADY_EXISTS": grpc.StatusCode.ALREADY_EXISTS,
    "ETAG_MISMATCH": grpc.StatusCode.ABORTED,
    "RUN_ACTIVE": grpc.StatusCode.FAILED_PRECONDITION,
    "INGESTION_PAUSED": grpc.StatusCode.FAILED_PRECONDITION,
    "WRONG_STATE": grpc.StatusCode.FAILED_PRECONDITION,
    "PAGE_TOKEN_INVALID": grpc.StatusCode.INVALID_ARGUMENT,
    "REQUEST_ID_REUSED": grpc.StatusCode.INVALID_ARGUMENT,
    "LEASE_FENCED": grpc.StatusCode.ABORTED,
    "TABLE_SEALED": grpc.StatusCode.FAILED_PRECONDITION,
    "TABLE_REPLACED": grpc.StatusCode.FAILED_PRECONDITION,
    "EXECUTOR_UNAVAILABLE": grpc.StatusCode.UNAVAILABLE,
    "OVERLOADED": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "LEDGER_UNAVAILABLE": grpc.StatusCode.UNAVAILABLE,
    "SHUTTING_DOWN": grpc.StatusCode.UNAVAILABLE,
    "DEADLINE_EXCEEDED": grpc.StatusCode.DEADLINE_EXCEEDED,
    "INTERNAL": grpc.StatusCode.INTERNAL,
    "UNIMPLEMENTED": grpc.StatusCode.UNIMPLEMENTED,
}
_RETRY_SECONDS = {"EXECUTOR_UNAVAILABLE": 10, "OVERLOADED": 1, "LEDGER_UNAVAILABLE": 2, "SHUTTING_DOWN": 2}


def status_of(error: AutoloaderError) -> status_pb2.Status:
    """Gives the status of one of our errors; violations beyond 20, or beyond the room there is, are only counted."""
    if not isinstance(error, InvalidField):
        return status(error.reason, error.message, error.metadata)
    metadata = error.metadata | {"violation_count": str(len(error.violations))}
    result = status(error.reason, error.message, metadata)
    _add(result, _bad_request(error.violations, STATUS_BYTES_MAX - result.ByteSize()))
    return result


def status(reason: str, message: str, metadata: Mapping[str, str]) -> status_pb2.Status:
    """Gives the status of a reason of errors.proto, named without its prefix."""
    result = status_pb2.Status(code=_CODES[reason].value[0], message=_cut(message, MESSAGE_BYTES_MAX))
    cut = {key: _cut(value, _METADATA_BYTES_MAX) for key, value in metadata.items()}
    _add(result, details.ErrorInfo(reason=reason, domain=DOMAIN, metadata=cut))
    if seconds := _RETRY_SECONDS.get(reason):
        _add(result, details.RetryInfo(retry_delay=Duration(seconds=seconds)))
    return result


def _bad_request(violations: Sequence[Violation], bytes_max: int) -> details.BadRequest:
    request = details.BadRequest()
    for violation in violations[:VIOLATIONS_MAX]:
        request.field_violations.add(
            field=_cut(violation.field, _METADATA_BYTES_MAX),
            description=_cut(violation.description, _VIOLATION_BYTES_MAX),
        )
        # The type url of the Any that wraps it takes some fifty bytes more.
        if request.ByteSize() + 60 > bytes_max:
            del request.field_violations[-1]
            break
    return request


def _add(result: status_pb2.Status, detail: Message) -> None:
    packed = Any()
    packed.Pack(detail)
    result.details.append(packed)


def _cut(text: str, bytes_max: int) -> str:
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= bytes_max:
        return encoded.decode()
    return encoded[: bytes_max - 3].decode("utf-8", "ignore") + "…"
