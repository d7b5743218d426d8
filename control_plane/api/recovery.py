"""The door for whoever compares the ledger with the tables, and gives it back what it forgot."""

from __future__ import annotations

from collections.abc import Iterator

from autoloader.v1 import recovery_pb2 as pb
from autoloader.v1.recovery_pb2_grpc import RecoveryServiceServicer

from control_plane.api.convert.recovery import forgotten_from_proto, ledger_lease_to_proto, restored_to_proto
from control_plane.api.interceptors.auth import current_tenant
from control_plane.api.interceptors.interceptor import Context
from control_plane.api.names import ALL_INGESTIONS, parse_ingestion, run_name
from control_plane.api.pages import Pages
from control_plane.api.repeats import Repeats
from control_plane.api.staged import check_staged
from control_plane.domain.recovery import LedgerLease
from control_plane.errors import InvalidField, Violation
from control_plane.ledger import ingestions, recovery
from control_plane.ledger.database import Connection, Database
from control_plane.wake import Wakes

LEASES_MAX = 100
FILES_MAX = 10_000
ETAG_CHARACTERS_MAX = 1_000


class RecoveryService(RecoveryServiceServicer):
    def __init__(self, *, database: Database, repeats: Repeats, pages: Pages, wakes: Wakes) -> None:
        self._database = database
        self._repeats = repeats
        self._pages = pages
        self._wakes = wakes

    async def ListLeases(self, request: pb.ListLeasesRequest, context: Context) -> pb.ListLeasesResponse:
        tenant = current_tenant()
        parent = parse_ingestion(request.parent, field="parent")
        if "\0" in request.table_uuid:
            raise InvalidField(Violation("table_uuid", "has a NUL"))
        page = self._pages.read(request, "ListLeases", tenant, parent, request.table_uuid, default_size=100)
        async with self._database.transaction() as connection:
            if parent != ALL_INGESTIONS:
                await ingestions.get(connection, tenant, parent)
            rows = await recovery.list_page(
                connection,
                tenant,
                None if parent == ALL_INGESTIONS else parent,
                table_uuid=request.table_uuid,
                after=_position(page.cursor),
                limit=page.limit,
            )
        messages, token = page.fill(rows, message=ledger_lease_to_proto, cursor=_cursor)
        return pb.ListLeasesResponse(leases=messages, next_page_token=token)

    async def RestoreLeases(self, request: pb.RestoreLeasesRequest, context: Context) -> pb.RestoreLeasesResponse:
        id = parse_ingestion(request.parent, field="parent")
        if violations := list(_check(request)):
            raise InvalidField(*violations)
        forgotten = [
            forgotten_from_proto(lease, field=f"leases[{position}].") for position, lease in enumerate(request.leases)
        ]

        async def restore(connection: Connection) -> pb.RestoreLeasesResponse:
            stored = await ingestions.get(connection, current_tenant(), id, lock=True)
            restored, run_id = await recovery.restore(connection, stored, forgotten)
            kept = run_id if not request.validate_only else None
            return pb.RestoreLeasesResponse(
                leases=map(restored_to_proto, restored), run=run_name(id, kept) if kept else ""
            )

        reply = await self._repeats.once(
            request, restore, reply=pb.RestoreLeasesResponse, dry_run=request.validate_only
        )
        self._wakes.runs_changed.signal()
        return reply


def _cursor(lease: LedgerLease) -> str:
    return f"{lease.run_id}/{lease.lease_id}"


def _position(cursor: str) -> tuple[int, str] | None:
    run_id, _, lease_id = cursor.partition("/")
    return (int(run_id), lease_id) if cursor else None


def _check(request: pb.RestoreLeasesRequest) -> Iterator[Violation]:
    count = len(request.leases)
    if not 1 <= count <= LEASES_MAX:
        yield Violation("leases", f"has {count}; 1 to {LEASES_MAX} fit")
    if count > 1 and sum(len(lease.files) for lease in request.leases) > FILES_MAX:
        yield Violation("leases", f"have more than {FILES_MAX} files; send fewer at once")
    seen: set[str] = set()
    for position, lease in enumerate(request.leases):
        field = f"leases[{position}]."
        if lease.id in seen:
            yield Violation(f"{field}id", f"{lease.id} is named before")
        seen.add(lease.id)
        yield from check_staged(lease, field=field)
        yield from _check_lease(lease, field)


def _check_lease(lease: pb.ForgottenLease, field: str) -> Iterator[Violation]:
    counts, files = lease.records_written, lease.files
    if not lease.published_snapshot_id:
        yield Violation(f"{field}published_snapshot_id", "is missing; a lease without rows has nothing to take back")
    if len(counts) != len(files):
        yield Violation(f"{field}records_written", f"has {len(counts)} counts for {len(files)} files")
    if files and sum(counts) != lease.staged.records_added:
        yield Violation(
            f"{field}records_written", f"sums to {sum(counts)}, the snapshot has {lease.staged.records_added} rows"
        )
    if lease.HasField("rejects"):
        yield from _check_rejects(lease, field)
    versions: set[tuple[str, str]] = set()
    for position, file in enumerate(files):
        path = f"{field}files[{position}]"
        if not file.uri or "\0" in file.uri:
            yield Violation(f"{path}.uri", "is empty, or has a NUL")
        if len(file.etag) > ETAG_CHARACTERS_MAX or "\0" in file.etag:
            yield Violation(f"{path}.etag", f"has a NUL, or more than {ETAG_CHARACTERS_MAX} characters")
        if file.size_bytes < 0:
            yield Violation(f"{path}.size_bytes", f"{file.size_bytes} is negative")
        version = (file.uri, file.etag or f"{file.size_bytes}:{file.modification_time_ns}")
        if version in versions:
            yield Violation(f"{path}.uri", f"{file.uri} is named before, in the same version")
        versions.add(version)


def _check_rejects(lease: pb.ForgottenLease, field: str) -> Iterator[Violation]:
    records, added = lease.rejects.records, lease.rejects.staged.records_added
    if len(records) != len(lease.files):
        yield Violation(f"{field}rejects.records", f"has {len(records)} counts for {len(lease.files)} files")
    if lease.files and sum(records) != added:
        yield Violation(f"{field}rejects.records", f"sums to {sum(records)}, the snapshot has {added} rows")
