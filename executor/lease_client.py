"""What an executor says to the control plane about its leases, in the executor's own words."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from autoloader.v1 import leases_pb2, leases_pb2_grpc
from google.protobuf.duration_pb2 import Duration

from executor.convert import (
    column_messages,
    columns_from,
    error_message,
    lease_from,
    stage_request,
)
from executor.convert_preview import preview_message
from executor.credentials import KeyRing
from executor.errors import AttemptFailed, attempt_failed
from executor.lease import Category, Failure, Lease, StageResult
from executor.previewed import Preview
from executor.schema.words import Change, Column, ColumnsInForce
from executor.terms import shown_messages
from executor.wire import CALL_SECONDS, Caller, Channel, ControlPlaneRefused, LeaseFenced

BRANCHES_MAX = 200
# What an older control plane does not know, it passes over.
ALSO_TAKES = (leases_pb2.FURTHER_WORK_PREVIEW,)
_REFUSED_BY_TABLE = ("TABLE_SEALED", "TABLE_REPLACED")


class FailedLease(StrEnum):
    """How a lease failed; the names of `FailLeaseRequest.Outcome`."""

    NOT_STAGED = "NOT_STAGED"
    NOT_PUBLISHED = "NOT_PUBLISHED"
    IN_DOUBT = "IN_DOUBT"


class Held(Protocol):
    """What every call says of the lease that it is about."""

    @property
    def id(self) -> str: ...
    @property
    def fence(self) -> int: ...
    @property
    def attempt(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A lease to work on, and how far our wall clock is ahead of the server's."""

    lease: Lease
    clock_error_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A lease that this executor holds and cannot work on, and why."""

    id: str
    fence: int
    attempt: str
    run: str
    failure: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """How long the lease is ours, and from when on, by the clock of `boot_seconds`."""

    ttl_seconds: float
    sent_at: float


class LeaseClient:
    """Speaks for one executor.

    Every method is repeated until it is answered, and may be cancelled at any time.
    Raises LeaseFenced when the lease moved on, ControlPlaneRefused when a repeat would be vain.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        executor: str,
        pool: str,
        keys: KeyRing,
        caller: Caller,
    ) -> None:
        self._stub = leases_pb2_grpc.LeaseServiceStub(channel)
        self._executor = executor
        self._pool = pool
        self._keys = keys
        self._call = caller.call

    async def acquire(self, request_id: str, *, wait_seconds: float) -> Granted | Refused | None:
        """The oldest lease that waits, None when none came. The same id brings the same lease."""
        wait = Duration()
        wait.FromMilliseconds(int(wait_seconds * 1000))
        request = leases_pb2.AcquireLeaseRequest(
            executor=self._executor, request_id=request_id, pool=self._pool, wait=wait, also_takes=ALSO_TAKES
        )
        deadline_seconds = wait_seconds + CALL_SECONDS
        response, _ = await self._call(self._stub.AcquireLease, request, deadline_seconds=deadline_seconds)
        if not response.HasField("lease"):
            return None
        clock_error_seconds = time.time() - response.lease.server_time.ToNanoseconds() / 1e9
        return await asyncio.to_thread(self._granted, response.lease, clock_error_seconds)

    async def renew(self, lease: Held, *, deadline_seconds: float) -> Renewal:
        """Holds the lease for another ttl. Raises LeaseFenced when the control plane says stop."""
        request = leases_pb2.RenewLeaseRequest(lease=lease.id, fence=lease.fence, attempt=lease.attempt)
        response, sent_at = await self._call(self._stub.RenewLease, request, deadline_seconds=deadline_seconds)
        if response.directive != leases_pb2.RenewLeaseResponse.DIRECTIVE_CONTINUE:
            raise LeaseFenced("the control plane said stop")
        return Renewal(ttl_seconds=response.ttl.ToTimedelta().total_seconds(), sent_at=sent_at)

    async def evolve_schema(
        self, lease: Held, columns: Iterable[Column], *, base_version: int, shown_by: Mapping[Change, int]
    ) -> ColumnsInForce:
        """Offers all columns, made of those of `base_version`, with the file of the lease that first shows each change.

        Answers those that hold: the same if ours are the next version, else what to fit the files to anew. Raises
        AttemptFailed when the ingestion does not let them in: it was changed since, and the next attempt hears of it.
        """
        request = leases_pb2.ProposeSchemaRequest(
            lease=lease.id,
            fence=lease.fence,
            attempt=lease.attempt,
            columns=column_messages(columns),
            base_version=base_version,
            changes=shown_messages(shown_by),
        )
        try:
            response, _ = await self._call(self._stub.ProposeSchema, request)
        except ControlPlaneRefused as error:
            if error.reason != "INVALID_FIELD":
                raise
            message = f"The ingestion does not let the columns of these files in: {error.details}"
            raise attempt_failed(Category.SCHEMA_MISMATCH, message, retryable=True) from error
        return ColumnsInForce(columns=columns_from(response.columns), version=response.version)

    async def stage(self, lease: Held, result: StageResult) -> None:
        """Has the staged snapshot decided upon. LeaseFenced: it does not count, and never will.

        Raises AttemptFailed when the table takes nothing more of this run.
        """
        request = stage_request(lease.id, fence=lease.fence, attempt=lease.attempt, result=result)
        try:
            response, _ = await self._call(self._stub.StageLease, request)
        except ControlPlaneRefused as error:
            if error.reason not in _REFUSED_BY_TABLE:
                raise
            raise attempt_failed(Category(error.reason), error.details, retryable=False) from error
        if response.decision != leases_pb2.StageLeaseResponse.DECISION_DECIDED:
            raise LeaseFenced("another attempt took the lease over before this one was staged")

    async def complete(
        self,
        lease: Held,
        *,
        published_snapshot_id: int,
        branches: Iterable[str],
        published_rejects_snapshot_id: int = 0,
    ) -> tuple[str, ...]:
        """Says that what was staged is in main; answers which of the branches seen may be dropped."""
        request = leases_pb2.CompleteLeaseRequest(
            lease=lease.id,
            fence=lease.fence,
            published_snapshot_id=published_snapshot_id,
            published_rejects_snapshot_id=published_rejects_snapshot_id,
            branches=itertools.islice(branches, BRANCHES_MAX),
        )
        response, _ = await self._call(self._stub.CompleteLease, request)
        return tuple(response.droppable_branches)

    async def fail(self, lease: Held, outcome: FailedLease, failure: Failure) -> None:
        request = leases_pb2.FailLeaseRequest(
            lease=lease.id,
            fence=lease.fence,
            attempt=lease.attempt,
            outcome=leases_pb2.FailLeaseRequest.Outcome.Value(f"OUTCOME_{outcome.value}"),
            error=error_message(failure),
        )
        await self._call(self._stub.FailLease, request)

    async def release(self, lease: Held) -> None:
        """Gives the lease back untouched."""
        request = leases_pb2.ReleaseLeaseRequest(lease=lease.id, fence=lease.fence, attempt=lease.attempt)
        await self._call(self._stub.ReleaseLease, request)

    async def complete_preview(self, lease: Held, preview: Preview) -> None:
        """Says what was seen, as far as it fits into a message."""
        request = leases_pb2.CompletePreviewRequest(
            lease=lease.id, fence=lease.fence, attempt=lease.attempt, preview=preview_message(preview)
        )
        await self._call(self._stub.CompletePreview, request)

    def _granted(self, message: leases_pb2.Lease, clock_error_seconds: float) -> Granted | Refused:
        try:
            lease = lease_from(message, keys=self._keys)
        except AttemptFailed as error:
            return Refused(
                id=message.id,
                fence=message.fence,
                attempt=message.attempt,
                run=message.run,
                failure=error.failure,
            )
        return Granted(lease=lease, clock_error_seconds=clock_error_seconds)
