"""One ingestion of its own, its user, and the executor that loads it: played with nothing but the generated stubs."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from autoloader.v1 import (
    errors_pb2,
    files_pb2,
    files_pb2_grpc,
    ingestions_pb2,
    ingestions_pb2_grpc,
    leases_pb2_grpc,
    recovery_pb2,
    recovery_pb2_grpc,
    runs_pb2,
    runs_pb2_grpc,
    schema_changes_pb2,
    schemas_pb2_grpc,
)
from autoloader.v1 import leases_pb2 as pb

from tests.control_plane.api.refusals import read

RECORDS_PER_FILE = 10
PATIENCE_SECONDS = 10.0
UNDER_WAY = {runs_pb2.Run.STATE_PENDING, runs_pb2.Run.STATE_RUNNING}


class Doors:
    """Every method of the services; which one a request is for, its type says."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stubs: list[Any] = [
            ingestions_pb2_grpc.IngestionServiceStub(channel),
            runs_pb2_grpc.RunServiceStub(channel),
            files_pb2_grpc.FileServiceStub(channel),
            schemas_pb2_grpc.SchemaServiceStub(channel),
            leases_pb2_grpc.LeaseServiceStub(channel),
            recovery_pb2_grpc.RecoveryServiceStub(channel),
        ]

    async def call(self, request: Any, *, seconds: float | None = None) -> Any:
        method = type(request).__name__.removesuffix("Request")
        (door,) = [getattr(stub, method) for stub in self._stubs if hasattr(stub, method)]
        return await door(request, timeout=seconds)

    async def insist(self, request: Any) -> Any:
        """Repeats the very same request while it is told that the ledger is away; nothing else may be told."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    return await self.call(request)
                except grpc.aio.AioRpcError as error:
                    told = read(error)
                    assert (told.code, told.reason) == (grpc.StatusCode.UNAVAILABLE, "LEDGER_UNAVAILABLE"), told
                    await asyncio.sleep(0.05)


@dataclass(slots=True, kw_only=True)
class Play:
    """The user and the executor of an ingestion, which is served from a pool of its own."""

    doors: Doors
    folder: Path
    id: str = field(default_factory=lambda: f"i{uuid.uuid4().hex[:12]}")
    # The same for every lease: an executor that is not sure of an answer gets what it holds again.
    asking: str = field(default_factory=lambda: str(uuid.uuid4()))
    lease: pb.Lease = field(default_factory=pb.Lease)
    run: str = ""

    @property
    def name(self) -> str:
        return f"ingestions/{self.id}"

    def put(self, count: int, *, first: int = 0) -> None:
        self.folder.mkdir(exist_ok=True)
        for number in range(first, first + count):
            (self.folder / f"data-{number:03}.json").write_text('{"id": 1}\n' * RECORDS_PER_FILE)

    def creation(self, *, files_per_lease: int = 0) -> ingestions_pb2.CreateIngestionRequest:
        return ingestions_pb2.CreateIngestionRequest(
            ingestion_id=self.id,
            ingestion=ingestions_pb2.Ingestion(
                source=ingestions_pb2.Source(uri=f"file://{self.folder}"),
                format=ingestions_pb2.Format(json=ingestions_pb2.JsonFormat()),
                destination=ingestions_pb2.Destination(table="faults.rows"),
                load=ingestions_pb2.LoadPolicy(max_files_per_lease=files_per_lease),
                pool=self.id,
            ),
            request_id=a_request_id(),
        )

    async def create(self, *, files: int = 2, files_per_lease: int = 0) -> None:
        self.put(files)
        await self.doors.insist(self.creation(files_per_lease=files_per_lease))

    async def offer(self) -> None:
        """Starts a run, and returns when all its files are in leases."""
        await self.start()
        await until(lambda: self.all_are(files_pb2.File.STATE_LEASED))

    async def hold(self) -> None:
        await self.offer()
        assert await self.acquire()
        assert await self.renew()

    async def start(self) -> None:
        request = ingestions_pb2.RunIngestionRequest(name=self.name, request_id=a_request_id())
        self.run = (await self.doors.insist(request)).name

    def acquisition(self) -> pb.AcquireLeaseRequest:
        return pb.AcquireLeaseRequest(executor="played", request_id=self.asking, pool=self.id)

    async def acquire(self) -> bool:
        """Takes the lease that waits; false when none does."""
        self.lease = (await self.doors.insist(self.acquisition())).lease
        return bool(self.lease.id)

    def renewal(self) -> pb.RenewLeaseRequest:
        return pb.RenewLeaseRequest(**self._holding())

    async def renew(self) -> bool:
        """Whether the lease is still ours."""
        directive = (await self.doors.insist(self.renewal())).directive
        return bool(directive == pb.RenewLeaseResponse.DIRECTIVE_CONTINUE)

    def proposal(self) -> pb.ProposeSchemaRequest:
        columns = [ingestions_pb2.Column(name="id", type="bigint")]
        return pb.ProposeSchemaRequest(**self._holding(), columns=columns)

    def staging(self, *, failed: bool = False) -> pb.StageLeaseRequest:
        """Says that every file has its rows in a made-up snapshot, or that each is malformed."""
        files = len(self.lease.load.files)
        records = 0 if failed else RECORDS_PER_FILE
        outcome = pb.FileOutcome.OUTCOME_FAILED
        exceptions = [pb.FileOutcome(index=index, outcome=outcome, error=an_error()) for index in range(files)]
        return pb.StageLeaseRequest(
            **self._holding(),
            staged=pb.StagedTable(
                table="faults.rows",
                table_uuid="made-up",
                base_snapshot_id=1,
                staged_snapshot_id=0 if failed else 7,
                records_added=records * files,
            ),
            records_written=[records] * files,
            exceptions=exceptions if failed else [],
        )

    def waiting(self) -> pb.StageLeaseRequest:
        """Says that every file waits for a column that is new."""
        request = self.staging(failed=True)
        for exception in request.exceptions:
            exception.error.CopyFrom(an_error("SCHEMA_MISMATCH"))
        wanted = schema_changes_pb2.SchemaChange(
            kind=schema_changes_pb2.SchemaChange.KIND_ADDED, path="region", new_type="string"
        )
        request.held_changes.add(change=wanted, files=range(len(request.exceptions)))
        return request

    async def stage(self, *, failed: bool = False) -> None:
        decision = (await self.doors.insist(self.staging(failed=failed))).decision
        assert decision == pb.StageLeaseResponse.DECISION_DECIDED

    def completion(self, *, snapshot_id: int = 8) -> pb.CompleteLeaseRequest:
        return pb.CompleteLeaseRequest(
            lease=self.lease.id,
            fence=self.lease.fence,
            published_snapshot_id=snapshot_id,
            branches=[f"al_{self.lease.attempt}"],
        )

    def failure(self, outcome: pb.FailLeaseRequest.Outcome.ValueType) -> pb.FailLeaseRequest:
        return pb.FailLeaseRequest(**self._holding(), outcome=outcome, error=an_error("CATALOG_UNAVAILABLE"))

    def release(self) -> pb.ReleaseLeaseRequest:
        return pb.ReleaseLeaseRequest(**self._holding())

    async def restoration(self) -> recovery_pb2.RestoreLeasesRequest:
        """Says that the first of the files is in the table, by a lease that the ledger forgot."""
        first, *_ = await self.files()
        loaded = pb.LeasedFile(
            uri=first.uri,
            size_bytes=first.size_bytes,
            etag=first.etag,
            modification_time_ns=first.modification_time.ToNanoseconds(),
        )
        forgotten = recovery_pb2.ForgottenLease(
            id=str(uuid.uuid4()),
            staged=pb.StagedTable(table="faults.rows", staged_snapshot_id=5, records_added=RECORDS_PER_FILE),
            published_snapshot_id=6,
            files=[loaded],
            records_written=[RECORDS_PER_FILE],
        )
        return recovery_pb2.RestoreLeasesRequest(parent=self.name, leases=[forgotten], request_id=a_request_id())

    async def load(self) -> None:
        """Does what an executor does with the lease at hand, to its end."""
        if self.lease.HasField("load"):
            assert await self.renew()
            await self.doors.insist(self.proposal())
            await self.stage()
        await self.doors.insist(self.completion())

    async def load_all(self) -> runs_pb2.Run:
        """Loads what is on offer until the run rests; the run then."""

        async def at_rest() -> bool:
            while await self.acquire():
                await self.load()
            return (await self.get_run()).state not in UNDER_WAY

        await until(at_rest)
        return await self.get_run()

    async def get_run(self) -> runs_pb2.Run:
        run: runs_pb2.Run = await self.doors.insist(runs_pb2.GetRunRequest(name=self.run))
        return run

    async def all_are(self, state: files_pb2.File.State.ValueType) -> bool:
        """Whether there are files, and all stand there."""
        return {file.state for file in await self.files()} == {state}

    async def files(self) -> list[files_pb2.File]:
        request = files_pb2.ListFilesRequest(parent=self.name, page_size=1000)
        return list((await self.doors.insist(request)).files)

    def _holding(self) -> dict[str, Any]:
        return {"lease": self.lease.id, "fence": self.lease.fence, "attempt": self.lease.attempt}


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Returns when the condition holds, which must be soon."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.05)


def a_request_id() -> str:
    return str(uuid.uuid4())


def an_error(category: str = "DATA_MALFORMED") -> errors_pb2.LoadError:
    return errors_pb2.LoadError(
        category=errors_pb2.ErrorCategory.Value(f"ERROR_CATEGORY_{category}"), message="As told."
    )
