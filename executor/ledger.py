"""What the ledger knows of leases in tables, and how it takes back those that it forgot."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from autoloader.v1 import ingestions_pb2, ingestions_pb2_grpc, leases_pb2, recovery_pb2, recovery_pb2_grpc

from executor.convert import outcome_message, rejects_message, staged_from, staged_message
from executor.lease import FileOutcome, LeasedFile, Rejects, StagedTable
from executor.wire import Caller, Channel, Method

PAGE_SIZE = 1_000
# Limits of RestoreLeases, and of a message.
BATCH_LEASES_MAX = 100
BATCH_FILES_MAX = 10_000
BATCH_BYTES_MAX = 2_000_000
TEXT_BYTES_MAX = 1_000_000
CALL_SECONDS = 60.0
# A person waits, who can look after a control plane that is away: soon when it never answered.
REACH_SECONDS = 20.0
PATIENCE_SECONDS = 90.0

Request = TypeVar("Request")
Response = TypeVar("Response")


class LedgerAway(Exception):
    """The control plane does not answer."""


class LeaseState(StrEnum):
    """Where a lease stands; the names of `LedgerLease.State`."""

    STAGED = "STAGED"
    PUBLISHED = "PUBLISHED"
    IN_DOUBT = "IN_DOUBT"


class Result(StrEnum):
    """What became of a lease that was to be taken back; the names of `RestoredLease.Result`."""

    KNOWN = "KNOWN"
    RESTORED = "RESTORED"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLease:
    """A lease whose snapshot counts; `published_snapshot_id` is 0 before, and without rows."""

    id: str
    run: str
    state: LeaseState
    attempt: str
    staged: StagedTable
    published_snapshot_id: int
    file_count: int
    records_written: int
    rejects: StagedTable | None = None
    published_rejects_snapshot_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgottenLease:
    """A lease as its manifest and the table have it; `time_ms` is about when it was staged.

    No attempt and no files where there is no manifest.
    """

    id: str
    attempt: str = ""
    time_ms: int
    staged: StagedTable
    published_snapshot_id: int
    files: tuple[LeasedFile, ...] = ()
    records_written: tuple[int, ...] = ()
    exceptions: tuple[FileOutcome, ...] = ()
    rejects: Rejects | None = None
    published_rejects_snapshot_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoredLease:
    """What became of a lease that was to be taken back, and why it was refused."""

    id: str
    result: Result
    files_restored: int
    message: str


class LedgerClient:
    """Raises LedgerAway, and ControlPlaneRefused when a repeat would be vain."""

    def __init__(self, channel: Channel, *, caller: Caller) -> None:
        self._ingestions = ingestions_pb2_grpc.IngestionServiceStub(channel)
        self._recovery = recovery_pb2_grpc.RecoveryServiceStub(channel)
        self._caller = caller
        self._patience_seconds = REACH_SECONDS

    async def table_of(self, ingestion: str) -> str:
        """The table of `ingestions/{ingestion}`, as it is written there."""
        request = ingestions_pb2.GetIngestionRequest(name=ingestion)
        found = await self._call(self._ingestions.GetIngestion, request)
        return found.destination.table

    async def leases(self, parent: str, *, table_uuid: str = "") -> list[LedgerLease]:
        """All that staged rows and count, oldest first; of all ingestions with `ingestions/-`."""
        request = recovery_pb2.ListLeasesRequest(parent=parent, table_uuid=table_uuid, page_size=PAGE_SIZE)
        found: list[LedgerLease] = []
        while True:
            page = await self._call(self._recovery.ListLeases, request)
            found += map(_ledger_lease, page.leases)
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    async def restore(
        self, ingestion: str, leases: Iterable[ForgottenLease], *, validate_only: bool
    ) -> list[RestoredLease]:
        """Has the leases taken back in the order given, each batch whole or not at all."""
        restored: list[RestoredLease] = []
        for batch in _batches(_forgotten_message(lease) for lease in leases):
            request = recovery_pb2.RestoreLeasesRequest(
                parent=ingestion, leases=batch, request_id=str(uuid.uuid4()), validate_only=validate_only
            )
            response = await self._call(self._recovery.RestoreLeases, request)
            restored += map(_restored, response.leases)
        return restored

    async def _call(self, method: Method[Request, Response], request: Request) -> Response:
        try:
            async with asyncio.timeout(self._patience_seconds):
                response, _ = await self._caller.call(method, request, deadline_seconds=CALL_SECONDS)
        except TimeoutError as error:
            raise LedgerAway(f"The control plane has not answered for {self._patience_seconds:.0f} s.") from error
        self._patience_seconds = PATIENCE_SECONDS
        return response


def _batches(leases: Iterator[recovery_pb2.ForgottenLease]) -> Iterator[Sequence[recovery_pb2.ForgottenLease]]:
    batch: list[recovery_pb2.ForgottenLease] = []
    files = size_bytes = 0
    for lease in leases:
        lease_bytes = lease.ByteSize()
        if batch and (
            len(batch) == BATCH_LEASES_MAX
            or files + len(lease.files) > BATCH_FILES_MAX
            or size_bytes + lease_bytes > BATCH_BYTES_MAX
        ):
            yield batch
            batch, files, size_bytes = [], 0, 0
        batch.append(lease)
        files += len(lease.files)
        size_bytes += lease_bytes
    if batch:
        yield batch


def _forgotten_message(lease: ForgottenLease) -> recovery_pb2.ForgottenLease:
    text_bytes = TEXT_BYTES_MAX // max(1, len(lease.exceptions))
    return recovery_pb2.ForgottenLease(
        id=lease.id,
        attempt=lease.attempt,
        staged=staged_message(lease.staged),
        published_snapshot_id=lease.published_snapshot_id,
        files=[
            leases_pb2.LeasedFile(
                uri=file.uri,
                size_bytes=file.size_bytes,
                etag=file.etag,
                modification_time_ns=file.modification_time_ns,
            )
            for file in lease.files
        ],
        records_written=lease.records_written,
        exceptions=[outcome_message(outcome, text_bytes=text_bytes) for outcome in lease.exceptions],
        rejects=rejects_message(lease.rejects) if lease.rejects else None,
        published_rejects_snapshot_id=lease.published_rejects_snapshot_id,
    )


def _ledger_lease(message: recovery_pb2.LedgerLease) -> LedgerLease:
    return LedgerLease(
        id=message.id,
        run=message.run,
        state=LeaseState(recovery_pb2.LedgerLease.State.Name(message.state).removeprefix("STATE_")),
        attempt=message.attempt,
        staged=staged_from(message.staged),
        published_snapshot_id=message.published_snapshot_id,
        file_count=message.file_count,
        records_written=message.records_written,
        rejects=staged_from(message.rejects) if message.HasField("rejects") else None,
        published_rejects_snapshot_id=message.published_rejects_snapshot_id,
    )


def _restored(message: recovery_pb2.RestoredLease) -> RestoredLease:
    return RestoredLease(
        id=message.id,
        result=Result(recovery_pb2.RestoredLease.Result.Name(message.result).removeprefix("RESULT_")),
        files_restored=message.files_restored,
        message=message.message,
    )
