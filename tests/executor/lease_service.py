"""A LeaseService that answers as a test tells it to, and remembers what it heard."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
from autoloader.v1 import ingestions_pb2, leases_pb2, leases_pb2_grpc
from google.protobuf import any_pb2, duration_pb2, message, timestamp_pb2
from google.rpc import error_details_pb2, status_pb2

Stop = leases_pb2.RenewLeaseResponse(directive=leases_pb2.RenewLeaseResponse.DIRECTIVE_STOP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error to answer with; `detail` rides in the trailers."""

    code: grpc.StatusCode
    detail: message.Message | None = None


FENCED = Refusal(
    code=grpc.StatusCode.ABORTED,
    detail=error_details_pb2.ErrorInfo(reason="LEASE_FENCED", domain="autoloader.v1"),
)


class ScriptedLeaseService(leases_pb2_grpc.LeaseServiceServicer):
    """Agrees to everything, unless `answers` holds something else for the method's next calls."""

    def __init__(self) -> None:
        self.waiting: asyncio.Queue[leases_pb2.Lease] = asyncio.Queue()
        self.answers: defaultdict[str, deque[message.Message | Refusal]] = defaultdict(deque)
        self.calls: list[tuple[str, Any]] = []
        self.listens = asyncio.Event()
        self.listens.set()
        self.ttl_seconds = 30.0
        self._heard = asyncio.Condition()
        self._handed_out: dict[str, leases_pb2.Lease] = {}

    def offer(self, lease: leases_pb2.Lease) -> None:
        self.waiting.put_nowait(lease)

    def requests(self, method: str) -> list[Any]:
        return [request for name, request in self.calls if name == method]

    def methods(self) -> list[str]:
        """What was called, in order, without the renewals after the first and the acquisitions."""
        names = [name for name, _ in self.calls if name != "AcquireLease"]
        return [name for at, name in enumerate(names) if name != "RenewLease" or at == 0]

    async def heard(self, method: str, *, count: int = 1) -> list[Any]:
        """The requests of the method, as soon as there are so many."""
        async with asyncio.timeout(20), self._heard:
            await self._heard.wait_for(lambda: len(self.requests(method)) >= count)
            return self.requests(method)

    async def AcquireLease(self, request: Any, context: Any) -> Any:
        await self._hear("AcquireLease", request, context)
        if request.request_id not in self._handed_out:
            try:
                async with asyncio.timeout(request.wait.ToMilliseconds() / 1000):
                    lease = await self.waiting.get()
            except TimeoutError:
                return leases_pb2.AcquireLeaseResponse()
            self._handed_out[request.request_id] = lease
        return leases_pb2.AcquireLeaseResponse(lease=self._handed_out[request.request_id])

    async def RenewLease(self, request: Any, context: Any) -> Any:
        go_on = leases_pb2.RenewLeaseResponse(
            directive=leases_pb2.RenewLeaseResponse.DIRECTIVE_CONTINUE, ttl=a_ttl(self.ttl_seconds)
        )
        return await self._hear("RenewLease", request, context) or go_on

    async def ProposeSchema(self, request: Any, context: Any) -> Any:
        agreed = leases_pb2.ProposeSchemaResponse(columns=request.columns)
        return await self._hear("ProposeSchema", request, context) or agreed

    async def StageLease(self, request: Any, context: Any) -> Any:
        decided = leases_pb2.StageLeaseResponse(decision=leases_pb2.StageLeaseResponse.DECISION_DECIDED)
        return await self._hear("StageLease", request, context) or decided

    async def CompleteLease(self, request: Any, context: Any) -> Any:
        done = leases_pb2.CompleteLeaseResponse(droppable_branches=request.branches)
        return await self._hear("CompleteLease", request, context) or done

    async def FailLease(self, request: Any, context: Any) -> Any:
        answer = await self._hear("FailLease", request, context)
        return answer or leases_pb2.FailLeaseResponse()

    async def ReleaseLease(self, request: Any, context: Any) -> Any:
        answer = await self._hear("ReleaseLease", request, context)
        return answer or leases_pb2.ReleaseLeaseResponse()

    async def CompletePreview(self, request: Any, context: Any) -> Any:
        answer = await self._hear("CompletePreview", request, context)
        return answer or leases_pb2.CompletePreviewResponse()

    async def _hear(self, method: str, request: Any, context: Any) -> message.Message | None:
        async with self._heard:
            self.calls.append((method, request))
            self._heard.notify_all()
        await self.listens.wait()
        if not self.answers[method]:
            return None
        answer = self.answers[method].popleft()
        if isinstance(answer, Refusal):
            await _refuse(answer, context)
        return answer


@asynccontextmanager
async def served(service: ScriptedLeaseService, *, port: int = 0) -> AsyncIterator[str]:
    """The address at which the service listens."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    leases_pb2_grpc.add_LeaseServiceServicer_to_server(service, server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        service.listens.set()
        await server.stop(grace=0)


def a_lease(
    *,
    lease_id: str = "lease-1",
    fence: int = 1,
    ttl_seconds: float = 30.0,
    clock_behind_seconds: float = 0.0,
    credentials: ingestions_pb2.Credentials | None = None,
    publish: leases_pb2.StagedTable | None = None,
) -> leases_pb2.Lease:
    """A lease over two files, or over a staged snapshot."""
    lease = leases_pb2.Lease(
        id=lease_id,
        fence=fence,
        attempt=f"{lease_id}-attempt-{fence}",
        ttl=a_ttl(ttl_seconds),
        server_time=timestamp_pb2.Timestamp(seconds=int(time.time() - clock_behind_seconds)),
        run="ingestions/orders/runs/1",
    )
    destination = ingestions_pb2.Destination(table="local.shop.orders")
    if publish is not None:
        lease.publish.CopyFrom(leases_pb2.PublishWork(destination=destination, staged=publish))
        return lease
    lease.load.CopyFrom(
        leases_pb2.LoadWork(
            source=ingestions_pb2.Source(uri="s3://shop/orders", credentials=credentials),
            format=ingestions_pb2.Format(json=ingestions_pb2.JsonFormat()),
            destination=destination,
            files=[leases_pb2.LeasedFile(uri=f"s3://shop/orders/{n}.json", size_bytes=100 * n) for n in (1, 2)],
        )
    )
    return lease


def a_preview_lease(*, credentials: ingestions_pb2.Credentials | None = None, row_count: int = 3) -> leases_pb2.Lease:
    """A preview of the files of `a_lease`."""
    lease = a_lease(lease_id="preview-1", credentials=credentials)
    work = leases_pb2.PreviewWork(load=lease.load, row_count=row_count)
    lease.preview.CopyFrom(work)
    lease.run = ""
    return lease


def a_ttl(seconds: float) -> duration_pb2.Duration:
    return duration_pb2.Duration(seconds=int(seconds), nanos=int(seconds % 1 * 1e9))


async def _refuse(refusal: Refusal, context: Any) -> NoReturn:
    trailers: tuple[tuple[str, bytes], ...] = ()
    if refusal.detail is not None:
        packed = any_pb2.Any()
        packed.Pack(refusal.detail)
        code: int = refusal.code.value[0]
        status = status_pb2.Status(code=code, message="as the test says", details=[packed])
        trailers = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(refusal.code, "as the test says", trailers)
    raise AssertionError("abort raises")
