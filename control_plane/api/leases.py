"""The door for executors: leases, and what became of them."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator

from autoloader.v1 import leases_pb2 as pb
from autoloader.v1.leases_pb2_grpc import LeaseServiceServicer

from control_plane.api.convert.enums import enum_name
from control_plane.api.convert.error import load_error_from_proto
from control_plane.api.convert.lease import holding_from_proto, lease_to_proto, staging_from_proto
from control_plane.api.convert.preview import failed_preview, preview_lease_to_proto
from control_plane.api.convert.schema import columns_to_proto, proposal_from_proto
from control_plane.api.convert.times import duration
from control_plane.api.credentials import KeySafe
from control_plane.api.interceptors.interceptor import Context
from control_plane.api.names import parse_uuid
from control_plane.api.staged import check_staged
from control_plane.domain.file import LoadError
from control_plane.domain.ingestion import DEFAULT_POOL
from control_plane.domain.lease import AcquiredLease, Holding
from control_plane.domain.preview import FENCE, AcquiredPreview
from control_plane.errors import InvalidField, Violation
from control_plane.ledger import leases, previews, publications
from control_plane.ledger.database import Connection, Database
from control_plane.ledger.leases import Backoff
from control_plane.vault import VaultError
from control_plane.wake import Wakes

WAIT_SECONDS_MAX = 60.0
POLL_SECONDS = 1.0
# What is kept of the caller's deadline to let the answer arrive.
ANSWER_SECONDS = 0.25
BRANCHES_MAX = 200
WARNINGS_MAX = 1_000
# Their ids fill half a message.
LEASES_IN_MAIN_MAX = 10_000
HELD_CHANGES_MAX = 1_000
HELD_FILES_MAX = 100_000
# Goes on to a caller in a message of its own.
PREVIEW_BYTES_MAX = 3_500_000


class LeaseService(LeaseServiceServicer):
    def __init__(
        self,
        *,
        database: Database,
        keys: KeySafe,
        wakes: Wakes,
        lease_seconds: float,
        backoff: Backoff,
        stopping: asyncio.Event,
    ) -> None:
        self._database = database
        self._keys = keys
        self._wakes = wakes
        self._lease_seconds = lease_seconds
        self._backoff = backoff
        self._stopping = stopping

    async def AcquireLease(self, request: pb.AcquireLeaseRequest, context: Context) -> pb.AcquireLeaseResponse:
        _refuse(_check_acquire(request))
        until = time.monotonic() + _wait_seconds(request, context)
        while True:
            lease = await self._acquire(request)
            if lease is not None:
                return pb.AcquireLeaseResponse(lease=lease)
            remaining = until - time.monotonic()
            if remaining <= 0 or self._stopping.is_set():
                return pb.AcquireLeaseResponse()
            await self._wakes.leases_offered.wait(min(remaining, POLL_SECONDS))

    async def _acquire(self, request: pb.AcquireLeaseRequest) -> pb.Lease | None:
        asker = {
            "executor": request.executor,
            "request_id": request.request_id,
            "pool": request.pool or DEFAULT_POOL,
        }
        async with self._database.transaction() as connection:
            if pb.FURTHER_WORK_PREVIEW in request.also_takes:
                preview = await previews.acquire(connection, **asker, lease_seconds=self._lease_seconds)
                if preview is not None:
                    return await self._preview_with_keys(connection, preview)
            lease = await leases.acquire(connection, **asker, lease_seconds=self._lease_seconds)
            return await self._with_keys(connection, lease) if lease else None

    async def _with_keys(self, connection: Connection, lease: AcquiredLease) -> pb.Lease | None:
        """The lease with its credentials opened; when they do not open, nobody can load it, and it is failed."""
        try:
            source = None if lease.staged else self._keys.opened_source(lease.ingestion)
        except VaultError as error:
            holding = Holding(lease_id=lease.lease_id, fence=lease.fence, attempt=lease.attempt)
            await leases.fail(
                connection, holding, LoadError(category="AUTHENTICATION", message=str(error)), backoff=self._backoff
            )
            return None
        return lease_to_proto(lease, source=source)

    async def _preview_with_keys(self, connection: Connection, preview: AcquiredPreview) -> pb.Lease | None:
        try:
            source = self._keys.opened_source(preview.terms.ingestion)
        except VaultError as error:
            holding = Holding(lease_id=preview.preview_id, fence=FENCE, attempt=preview.attempt)
            shown = failed_preview(LoadError(category="AUTHENTICATION", message=str(error)))
            await previews.answer(connection, holding, shown.SerializeToString())
            return None
        return preview_lease_to_proto(preview, source=source, ttl_seconds=self._lease_seconds)

    async def RenewLease(self, request: pb.RenewLeaseRequest, context: Context) -> pb.RenewLeaseResponse:
        holding = holding_from_proto(request)
        async with self._database.transaction() as connection:
            holds = await leases.renew(connection, holding, lease_seconds=self._lease_seconds)
            if not holds:
                holds = await previews.renew(connection, holding, lease_seconds=self._lease_seconds)
        if not holds:
            return pb.RenewLeaseResponse(directive=pb.RenewLeaseResponse.DIRECTIVE_STOP)
        return pb.RenewLeaseResponse(
            directive=pb.RenewLeaseResponse.DIRECTIVE_CONTINUE, ttl=duration(self._lease_seconds)
        )

    async def ProposeSchema(self, request: pb.ProposeSchemaRequest, context: Context) -> pb.ProposeSchemaResponse:
        holding = holding_from_proto(request)
        proposal = proposal_from_proto(request)
        async with self._database.transaction() as connection:
            held = await leases.propose_schema(connection, holding, proposal)
        return pb.ProposeSchemaResponse(columns=columns_to_proto(held.columns), version=held.version)

    async def StageLease(self, request: pb.StageLeaseRequest, context: Context) -> pb.StageLeaseResponse:
        holding = holding_from_proto(request)
        _refuse(_check_staging(request))
        staging = staging_from_proto(request)
        async with self._database.transaction() as connection:
            decided = await publications.stage(connection, holding, staging)
        self._wakes.runs_changed.signal()
        kind = pb.StageLeaseResponse
        return kind(decision=kind.DECISION_DECIDED if decided else kind.DECISION_FENCED)

    async def CompleteLease(self, request: pb.CompleteLeaseRequest, context: Context) -> pb.CompleteLeaseResponse:
        lease_id = parse_uuid(request.lease, field="lease")
        if len(request.branches) > BRANCHES_MAX:
            raise InvalidField(Violation("branches", f"has more than {BRANCHES_MAX} names"))
        async with self._database.transaction() as connection:
            await publications.complete(
                connection,
                lease_id=lease_id,
                fence=request.fence,
                published_snapshot_id=request.published_snapshot_id,
                published_rejects_snapshot_id=request.published_rejects_snapshot_id,
            )
            droppable = await publications.droppable_branches(connection, lease_id, request.branches)
        self._wakes.runs_changed.signal()
        return pb.CompleteLeaseResponse(droppable_branches=droppable)

    async def FailLease(self, request: pb.FailLeaseRequest, context: Context) -> pb.FailLeaseResponse:
        holding = holding_from_proto(request)
        outcome = enum_name(pb.FailLeaseRequest.Outcome.DESCRIPTOR, "OUTCOME_", request.outcome)
        error = load_error_from_proto(request.error, field="error")
        async with self._database.transaction() as connection:
            if await previews.answer(connection, holding, failed_preview(error).SerializeToString()):
                return pb.FailLeaseResponse()
            match outcome:
                case "NOT_STAGED":
                    await leases.fail(connection, holding, error, backoff=self._backoff)
                case "NOT_PUBLISHED":
                    await publications.unstage(connection, holding, error)
                case "IN_DOUBT":
                    await publications.doubt(connection, holding, error)
                case _:
                    raise InvalidField(Violation("outcome", f"{request.outcome} is no outcome"))
        self._wakes.runs_changed.signal()
        return pb.FailLeaseResponse()

    async def ReleaseLease(self, request: pb.ReleaseLeaseRequest, context: Context) -> pb.ReleaseLeaseResponse:
        holding = holding_from_proto(request)
        async with self._database.transaction() as connection:
            await leases.release(connection, holding, rest_seconds=self._backoff.first_seconds)
            await previews.release(connection, holding)
        self._wakes.leases_offered.signal()
        return pb.ReleaseLeaseResponse()

    async def CompletePreview(self, request: pb.CompletePreviewRequest, context: Context) -> pb.CompletePreviewResponse:
        holding = holding_from_proto(request)
        if request.preview.ByteSize() > PREVIEW_BYTES_MAX:
            raise InvalidField(Violation("preview", f"has more than {PREVIEW_BYTES_MAX} bytes; leave rows out"))
        async with self._database.transaction() as connection:
            await previews.answer(connection, holding, request.preview.SerializeToString())
        self._wakes.previews_answered.signal()
        return pb.CompletePreviewResponse()


def _wait_seconds(request: pb.AcquireLeaseRequest, context: Context) -> float:
    wait = min(request.wait.seconds + request.wait.nanos / 1e9, WAIT_SECONDS_MAX)
    remaining = context.time_remaining()
    return wait if remaining is None else min(wait, remaining - ANSWER_SECONDS)


def _check_acquire(request: pb.AcquireLeaseRequest) -> Iterator[Violation]:
    for field, text in (("executor", request.executor), ("request_id", request.request_id)):
        if not 1 <= len(text) <= 200 or "\0" in text:
            yield Violation(field, "is missing, has a NUL, or has more than 200 characters")
    if not re.fullmatch(r"[A-Za-z0-9_-]{0,63}", request.pool):
        yield Violation("pool", f'"{request.pool}" is no name of a pool')
    if request.wait.seconds < 0 or request.wait.nanos < 0:
        yield Violation("wait", "is negative")


def _check_staging(request: pb.StageLeaseRequest) -> Iterator[Violation]:
    yield from check_staged(request)
    if len(request.warnings) > WARNINGS_MAX:
        yield Violation("warnings", f"has more than {WARNINGS_MAX} warnings")
    if len(request.leases_in_main) > LEASES_IN_MAIN_MAX:
        yield Violation("leases_in_main", f"has more than {LEASES_IN_MAIN_MAX}; name the newest")
    yield from _check_held(request)


def _check_held(request: pb.StageLeaseRequest) -> Iterator[Violation]:
    held, failed = request.held_changes, {exception.index for exception in request.exceptions}
    if len(held) > HELD_CHANGES_MAX or sum(len(each.files) for each in held) > HELD_FILES_MAX:
        yield Violation("held_changes", f"has more than {HELD_CHANGES_MAX} changes, or {HELD_FILES_MAX} files in all")
        return
    for position, each in enumerate(held):
        if not each.files or not failed.issuperset(each.files):
            yield Violation(f"held_changes[{position}].files", "names no file, or one that is not among the exceptions")


def _refuse(violations: Iterator[Violation]) -> None:
    if found := list(violations):
        raise InvalidField(*found)
