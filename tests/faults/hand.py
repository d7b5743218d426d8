"""An executor without a Spark: the test itself says to the LeaseService what executors say, or never should."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
from autoloader.v1 import errors_pb2, ingestions_pb2, schema_changes_pb2
from autoloader.v1 import leases_pb2 as pb
from autoloader.v1.leases_pb2_grpc import LeaseServiceStub
from google.protobuf.duration_pb2 import Duration

ACQUIRE_SECONDS = 20
ROWS = 200
SNAPSHOT = 2


class Hand:
    """Calls that may be repeated. Those that stage name a snapshot that no table has."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._leases = LeaseServiceStub(channel)

    async def acquire(self) -> pb.Lease:
        request = pb.AcquireLeaseRequest(
            executor="hand", request_id=str(uuid.uuid4()), wait=Duration(seconds=ACQUIRE_SECONDS)
        )
        answer = await self._leases.AcquireLease(request, wait_for_ready=True)
        assert answer.HasField("lease"), "no lease was on offer"
        return answer.lease

    async def renew(self, lease: pb.Lease) -> bool:
        """Whether it is told to go on."""
        answer = await self._leases.RenewLease(
            pb.RenewLeaseRequest(lease=lease.id, fence=lease.fence, attempt=lease.attempt)
        )
        return answer.directive == pb.RenewLeaseResponse.DIRECTIVE_CONTINUE

    async def propose(self, lease: pb.Lease) -> pb.ProposeSchemaResponse:
        columns = [ingestions_pb2.Column(name="id", type="string")]
        return await self._leases.ProposeSchema(
            pb.ProposeSchemaRequest(lease=lease.id, fence=lease.fence, attempt=lease.attempt, columns=columns)
        )

    async def stage(self, lease: pb.Lease) -> bool:
        """Whether it is told that its snapshot counts."""
        counts = [ROWS, *(0 for _ in lease.load.files[1:])]
        staged = pb.StagedTable(
            table=lease.load.destination.table,
            table_uuid="none",
            base_snapshot_id=SNAPSHOT - 1,
            staged_snapshot_id=SNAPSHOT,
            records_added=ROWS,
        )
        answer = await self._leases.StageLease(
            pb.StageLeaseRequest(
                lease=lease.id, fence=lease.fence, attempt=lease.attempt, staged=staged, records_written=counts
            )
        )
        return answer.decision == pb.StageLeaseResponse.DECISION_DECIDED

    async def hold(self, lease: pb.Lease) -> None:
        """Says that every file waits for a field that no file has, and ends the lease."""
        indexes = range(len(lease.load.files))
        wanted = schema_changes_pb2.SchemaChange(
            kind=schema_changes_pb2.SchemaChange.KIND_ADDED, path="made_up", new_type="string"
        )
        error = errors_pb2.LoadError(category=errors_pb2.ERROR_CATEGORY_SCHEMA_MISMATCH, message="The test says so.")
        outcome = pb.FileOutcome.OUTCOME_FAILED
        answer = await self._leases.StageLease(
            pb.StageLeaseRequest(
                lease=lease.id,
                fence=lease.fence,
                attempt=lease.attempt,
                staged=pb.StagedTable(table=lease.load.destination.table),
                records_written=[0 for _ in indexes],
                exceptions=[pb.FileOutcome(index=index, outcome=outcome, error=error) for index in indexes],
                held_changes=[pb.WantedChange(change=wanted, files=indexes)],
            )
        )
        assert answer.decision == pb.StageLeaseResponse.DECISION_DECIDED
        await self._leases.CompleteLease(pb.CompleteLeaseRequest(lease=lease.id, fence=lease.fence))

    async def complete(self, lease: pb.Lease) -> pb.CompleteLeaseResponse:
        return await self._leases.CompleteLease(
            pb.CompleteLeaseRequest(lease=lease.id, fence=lease.fence, published_snapshot_id=SNAPSHOT)
        )

    async def fail(
        self, lease: pb.Lease, outcome: pb.FailLeaseRequest.Outcome.ValueType, *, retryable: bool = False
    ) -> pb.FailLeaseResponse:
        error = errors_pb2.LoadError(
            category=errors_pb2.ERROR_CATEGORY_WRITE_FAILURE, message="The test says so.", retryable=retryable
        )
        return await self._leases.FailLease(
            pb.FailLeaseRequest(lease=lease.id, fence=lease.fence, attempt=lease.attempt, outcome=outcome, error=error)
        )

    async def release(self, lease: pb.Lease) -> pb.ReleaseLeaseResponse:
        return await self._leases.ReleaseLease(
            pb.ReleaseLeaseRequest(lease=lease.id, fence=lease.fence, attempt=lease.attempt)
        )


@asynccontextmanager
async def hand_of(control_plane: str) -> AsyncIterator[Hand]:
    """A hand that reaches the control plane at an address."""
    options = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500)]
    async with grpc.aio.insecure_channel(control_plane, options=options) as channel:
        yield Hand(channel)
