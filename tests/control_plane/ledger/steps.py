"""Steps that tests of the ledger and the loops take, each in a transaction of its own."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text

from control_plane.domain.file import File, ListedFile, LoadError
from control_plane.domain.filter import EVERYTHING, Filter
from control_plane.domain.format import Format, FormatKind
from control_plane.domain.ingestion import (
    Column,
    Destination,
    Ingestion,
    LoadPolicy,
    SchemaPolicy,
    Source,
    StoredIngestion,
)
from control_plane.domain.isolation import isolate
from control_plane.domain.lease import AcquiredLease, FileException, Holding, LeasedFile, StagedTable, Staging
from control_plane.domain.recovery import ForgottenLease, LedgerLease, RestoredLease
from control_plane.domain.run import Run, Trigger
from control_plane.domain.schema import ColumnsInForce, Decision, Proposal, SchemaChange, WantedChange
from control_plane.ledger import (
    changes,
    files,
    ingestions,
    leases,
    listing_claims,
    listings,
    publications,
    recovery,
    runs,
    splits,
)
from control_plane.ledger.database import Database

LEASE_SECONDS = 30.0
NO_WAIT = leases.Backoff(first_seconds=0.0, longest_seconds=0.0)
AWAY = LoadError(category="CONNECTIVITY", message="The store is away.", retryable=True)
MALFORMED = LoadError(category="DATA_MALFORMED", message="Line 1 is not JSON.")


def a_file(name: str = "a.json", *, size_bytes: int = 100, etag: str = "e1", unsupported: str = "") -> ListedFile:
    return ListedFile(f"s3://bucket/{name}", size_bytes, etag, 1, unsupported)


def some_files(count: int) -> list[ListedFile]:
    return [a_file(f"{number:04}.json") for number in range(count)]


def holding(lease: AcquiredLease) -> Holding:
    return Holding(lease_id=lease.lease_id, fence=lease.fence, attempt=lease.attempt)


def a_staging(
    *counts: int,
    snapshot_id: int = 77,
    base_snapshot_id: int = 11,
    exceptions: Sequence[FileException] = (),
    leases_in_main: Sequence[str] = (),
    table_uuid: str = "t",
    held_changes: Sequence[WantedChange] = (),
) -> Staging:
    return Staging(
        staged=StagedTable(
            table="lake.a.b",
            table_uuid=table_uuid,
            base_snapshot_id=base_snapshot_id,
            staged_snapshot_id=snapshot_id,
            records_added=sum(counts),
        ),
        records_written=counts,
        exceptions=tuple(exceptions),
        warnings=(),
        leases_in_main=tuple(leases_in_main),
        held_changes=tuple(held_changes),
    )


def a_forgotten_lease(
    listed: Sequence[ListedFile],
    *counts: int,
    lease_id: str = "",
    snapshot_id: int = 99,
    exceptions: Sequence[FileException] = (),
) -> ForgottenLease:
    """A lease that loaded these files, as its manifest has it; without counts each has 10 rows."""
    records = counts or tuple(10 for _ in listed)
    return ForgottenLease(
        lease_id=lease_id or str(uuid.uuid4()),
        attempt=str(uuid.uuid4()),
        staged=a_staging(*records, snapshot_id=snapshot_id - 1).staged,
        published_snapshot_id=snapshot_id,
        files=tuple(
            LeasedFile(
                uri=file.uri,
                size_bytes=file.size_bytes,
                etag=file.etag,
                modification_time_ns=file.modification_time_ns,
            )
            for file in listed
        ),
        records_written=records,
        exceptions=tuple(exceptions),
    )


@dataclass(frozen=True)
class Steps:
    """The ledger of one test, with one ingestion `orders`."""

    database: Database

    async def create(
        self,
        name: str = "orders",
        *,
        max_attempts: int = 3,
        columns: Sequence[Column] = (),
        schema: SchemaPolicy | None = None,
    ) -> StoredIngestion:
        ingestion = Ingestion(
            id=name,
            source=Source(uri="s3://bucket"),
            format=Format(kind=FormatKind.JSON),
            destination=Destination(table="a.b"),
            columns=tuple(columns),
            schema=schema or SchemaPolicy(),
            load=LoadPolicy(max_attempts=max_attempts),
        )
        async with self.database.transaction() as connection:
            return await ingestions.create(connection, ingestion)

    async def open_run(self, stored: StoredIngestion) -> Run:
        async with self.database.transaction() as connection:
            return await runs.open_run(connection, stored, trigger=Trigger.MANUAL)

    async def discover(self, listed: Sequence[ListedFile]) -> int:
        """Starts the listing of the open run, records the files and ends it; returns how many were new."""
        async with self.database.transaction() as connection:
            listing = await listing_claims.start_run(connection, lister=str(uuid.uuid4()), claim_seconds=30.0)
            assert listing
            await files.retake(connection, ingestion_id=listing.ingestion_id, run_id=listing.run_id)
            page = sorted(listed, key=lambda file: file.uri.encode())
            new = await listings.record_page(
                connection,
                ingestion_id=listing.ingestion_id,
                run_id=listing.run_id,
                page=page,
                ordered=True,
            )
            await listing_claims.end_listing(connection, listing, error=None)
            return new

    async def offer(self, stored: StoredIngestion, run: Run, *, max_files: int = 1000) -> None:
        async with self.database.transaction() as connection:
            waiting = await files.pending(connection, stored.ingestion_id, limit=10_000)
            attempts = stored.ingestion.load.max_attempts
            sets = list(
                isolate(waiting, max_attempts=attempts, max_files=max_files, max_bytes=10**9, keep_open_set=False)
            )
            await leases.offer(
                connection,
                stored,
                run_id=run.run_id,
                sets=sets,
                max_attempts=attempts,
            )

    async def offered(
        self, listed: Sequence[ListedFile], *, max_files: int = 1000, max_attempts: int = 3
    ) -> tuple[StoredIngestion, Run]:
        """An ingestion with a run whose files are all in leases on offer."""
        stored = await self.create(max_attempts=max_attempts)
        return stored, await self.run_again(stored, listed, max_files=max_files)

    async def run_again(self, stored: StoredIngestion, listed: Sequence[ListedFile], *, max_files: int = 1000) -> Run:
        run = await self.open_run(stored)
        await self.discover(listed)
        await self.offer(stored, run, max_files=max_files)
        await self.finish(run)
        return run

    async def acquire(self, request_id: str = "", *, executor: str = "e") -> AcquiredLease | None:
        async with self.database.transaction() as connection:
            return await leases.acquire(
                connection,
                executor=executor,
                request_id=request_id or str(uuid.uuid4()),
                pool="default",
                lease_seconds=LEASE_SECONDS,
            )

    async def held(self) -> AcquiredLease:
        """The next lease, acquired and begun."""
        lease = await self.acquire()
        assert lease
        assert await self.renew(lease)
        return lease

    async def renew(self, lease: AcquiredLease) -> bool:
        async with self.database.transaction() as connection:
            return await leases.renew(connection, holding(lease), lease_seconds=LEASE_SECONDS)

    async def propose(self, lease: AcquiredLease, proposal: Proposal) -> ColumnsInForce:
        async with self.database.transaction() as connection:
            return await leases.propose_schema(connection, holding(lease), proposal)

    async def stage(self, lease: AcquiredLease, staging: Staging) -> bool:
        async with self.database.transaction() as connection:
            return await publications.stage(connection, holding(lease), staging)

    async def complete(self, lease: AcquiredLease, snapshot_id: int = 88) -> None:
        async with self.database.transaction() as connection:
            await publications.complete(
                connection,
                lease_id=lease.lease_id,
                fence=lease.fence,
                published_snapshot_id=snapshot_id,
            )

    async def fail(self, lease: AcquiredLease, error: LoadError = AWAY) -> None:
        async with self.database.transaction() as connection:
            await leases.fail(connection, holding(lease), error, backoff=NO_WAIT)

    async def decide(self, change_id: int, decision: Decision) -> SchemaChange:
        async with self.database.transaction() as connection:
            stored = await ingestions.get(connection, "default", "orders")
            return await changes.decide(connection, stored, change_id, decision)

    async def changes(self, stored: StoredIngestion) -> list[SchemaChange]:
        async with self.database.transaction() as connection:
            return await changes.list_page(connection, stored, filter=EVERYTHING, after=0, limit=10_000)

    async def unstage(self, lease: AcquiredLease) -> None:
        async with self.database.transaction() as connection:
            await publications.unstage(connection, holding(lease), AWAY)

    async def doubt(self, lease: AcquiredLease) -> None:
        error = LoadError(category="PUBLISH_IN_DOUBT", message="The table was rolled back.")
        async with self.database.transaction() as connection:
            await publications.doubt(connection, holding(lease), error)

    async def release(self, lease: AcquiredLease, *, rest_seconds: float = 60) -> None:
        async with self.database.transaction() as connection:
            await leases.release(connection, holding(lease), rest_seconds=rest_seconds)

    async def expire(self, lease: AcquiredLease) -> None:
        """Lets the lease's deadline pass, and reaps."""
        async with self.database.transaction() as connection:
            await connection.execute(
                text("UPDATE leases SET deadline = now() - interval '1 second' WHERE lease_id = CAST(:id AS uuid)"),
                {"id": lease.lease_id},
            )
            reaped, lost = await leases.reap(connection), await splits.lost_sets(connection)
        for each in lost:
            async with self.database.transaction() as connection:
                reaped += await splits.split_lost(connection, each, leases.EXECUTOR_LOST)
        assert reaped == 1
        async with self.database.transaction() as connection:
            for run_id in await leases.hopeless_runs(connection):
                await leases.give_up(connection, run_id)

    async def cancel(self, run: Run) -> Run:
        async with self.database.transaction() as connection:
            return await leases.cancel_run(connection, "default", run.ingestion, run.run_id)

    async def restore(
        self, stored: StoredIngestion, *forgotten: ForgottenLease
    ) -> tuple[list[RestoredLease], int | None]:
        async with self.database.transaction() as connection:
            locked = await ingestions.get(connection, "default", stored.ingestion.id, lock=True)
            return await recovery.restore(connection, locked, forgotten)

    async def known_leases(self, ingestion: str | None = "orders") -> list[LedgerLease]:
        async with self.database.transaction() as connection:
            return await recovery.list_page(connection, "default", ingestion, table_uuid="", after=None, limit=10_000)

    async def finish(self, run: Run) -> None:
        async with self.database.transaction() as connection:
            await runs.finish_run(connection, run.run_id)

    async def run(self, run: Run) -> Run:
        async with self.database.transaction() as connection:
            return await runs.get(connection, "default", run.ingestion, run.run_id)

    async def files(self, stored: StoredIngestion, filter: Filter = EVERYTHING) -> list[File]:
        async with self.database.transaction() as connection:
            return await files.list_page(connection, stored, filter=filter, after=0, limit=10_000)

    async def states(self, stored: StoredIngestion) -> list[str]:
        return [str(file.state) for file in await self.files(stored)]
