"""The channel to a server, and its refusals in words for a person."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Annotated, cast

import grpc
import typer
from autoloader.v1.files_pb2_grpc import FileServiceStub
from autoloader.v1.ingestions_pb2_grpc import IngestionServiceStub
from autoloader.v1.runs_pb2_grpc import RunServiceStub
from autoloader.v1.schemas_pb2_grpc import SchemaServiceStub
from google.rpc import error_details_pb2 as details
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

CALL_SECONDS = 30.0
# What becomes of a stream that is older than the server wants it.
STREAM_ENDED = frozenset({grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE})
CHANNEL_OPTIONS = (("grpc.enable_http_proxy", 0),)

ServerOption = Annotated[
    str,
    typer.Option("--server", metavar="HOST:PORT", help="Control plane to talk to."),
]
DEFAULT_SERVER = "127.0.0.1:50051"


class Client:
    """The services of one server."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.ingestions = IngestionServiceStub(channel)
        self.runs = RunServiceStub(channel)
        self.files = FileServiceStub(channel)
        self.schemas = SchemaServiceStub(channel)


@contextlib.contextmanager
def connect(server: str) -> Iterator[Client]:
    """A client of the server; a refused call ends the command with exit code 1 and says why."""
    with grpc.insecure_channel(server, options=CHANNEL_OPTIONS) as channel:
        try:
            yield Client(channel)
        except grpc.RpcError as error:
            raise failure(explain(error, server)) from None


def failure(message: str) -> typer.Exit:
    """Says what is wrong; raise it to end the command."""
    typer.secho(message, fg=typer.colors.RED, err=True)
    return typer.Exit(1)


def open_channel(server: str) -> grpc.aio.Channel:
    """A channel for work that goes on while others of its event loop do."""
    return grpc.aio.insecure_channel(server, options=CHANNEL_OPTIONS)


def explain(error: grpc.RpcError, server: str) -> str:
    """What the server, or its absence, has to say, in a few lines."""
    call = cast(grpc.Call, error)
    status = rpc_status.from_call(call)
    if status is not None:
        return "\n".join([status.message, *_lines(status)])
    if call.code() is grpc.StatusCode.UNAVAILABLE:
        return (
            f"No server answers at {server}. Start one (autoloader dev, autoloader serve), "
            "or name another with --server."
        )
    return f"{call.code().name}: {call.details()}"


def reason_of(error: grpc.RpcError) -> str:
    """Why the server refused: a name of ErrorReason without its prefix; empty when it does not say."""
    reason: str = _info(error).reason
    return reason


def metadata_of(error: grpc.RpcError) -> dict[str, str]:
    """The dynamic parts of a refusal."""
    return dict(_info(error).metadata)


def _info(error: grpc.RpcError) -> details.ErrorInfo:
    status = rpc_status.from_call(cast(grpc.Call, error)) or Status()
    for packed in status.details:
        if packed.Is(details.ErrorInfo.DESCRIPTOR):
            return details.ErrorInfo.FromString(packed.value)
    return details.ErrorInfo()


def _lines(status: Status) -> Iterator[str]:
    for packed in status.details:
        if packed.Is(details.ErrorInfo.DESCRIPTOR):
            info = details.ErrorInfo.FromString(packed.value)
            known = "".join(f" {key}={value}" for key, value in sorted(info.metadata.items()))
            yield f"  reason: {info.reason}{known}"
        elif packed.Is(details.BadRequest.DESCRIPTOR):
            for violation in details.BadRequest.FromString(packed.value).field_violations:
                line = f"{violation.field}: {violation.description}"
                if line != status.message:  # which is the first of them
                    yield f"  {line}"
        elif packed.Is(details.RetryInfo.DESCRIPTOR):
            delay = details.RetryInfo.FromString(packed.value).retry_delay
            yield f"  try again in {delay.ToTimedelta().total_seconds():g} s"
