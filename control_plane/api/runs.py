"""The door to runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

from autoloader.v1 import runs_pb2 as pb
from autoloader.v1.runs_pb2_grpc import RunServiceServicer

from control_plane.api import filters
from control_plane.api.convert.enums import enum_name
from control_plane.api.convert.run import run_to_proto
from control_plane.api.interceptors.auth import current_tenant
from control_plane.api.interceptors.interceptor import Context
from control_plane.api.names import ALL_INGESTIONS, Part, parse_ingestion, parse_run, parse_uuid
from control_plane.api.pages import Pages
from control_plane.api.repeats import Repeats
from control_plane.domain.lease import Resolution
from control_plane.domain.run import Run, RunState, Trigger
from control_plane.errors import InvalidField, ShuttingDown, Violation
from control_plane.ledger import ingestions, leases, publications, runs
from control_plane.ledger.database import Connection, Database
from control_plane.wake import Wakes

WATCH_POLL_SECONDS = 1.0
# A run of many small leases changes more often than anybody wants to read. Its end is told at once.
WATCH_PAUSE_SECONDS = 0.1

_FIELDS = {
    "state": filters.one_of(*RunState),
    "trigger": filters.one_of(*Trigger),
    "create_time": filters.time(),
    "end_time": filters.time(),
    "records_written": filters.integer(),
    "files_failed": filters.integer(),
}


class RunService(RunServiceServicer):
    def __init__(
        self, *, database: Database, repeats: Repeats, pages: Pages, wakes: Wakes, stopping: asyncio.Event
    ) -> None:
        self._database = database
        self._repeats = repeats
        self._pages = pages
        self._wakes = wakes
        self._stopping = stopping

    async def GetRun(self, request: pb.GetRunRequest, context: Context) -> pb.Run:
        return run_to_proto(await self._get(parse_run(request.name, field="name")))

    async def ListRuns(self, request: pb.ListRunsRequest, context: Context) -> pb.ListRunsResponse:
        tenant = current_tenant()
        parent = parse_ingestion(request.parent, field="parent")
        page = self._pages.read(request, "ListRuns", tenant, parent, request.filter, default_size=50)
        filter = filters.parse_filter(request.filter, _FIELDS)
        async with self._database.transaction() as connection:
            if parent != ALL_INGESTIONS:
                await ingestions.get(connection, tenant, parent)
            rows = await runs.list_page(
                connection,
                tenant,
                None if parent == ALL_INGESTIONS else parent,
                filter=filter,
                before=int(page.cursor) if page.cursor else None,
                limit=page.limit,
            )
        messages, token = page.fill(rows, message=run_to_proto, cursor=lambda row: str(row.run_id))
        return pb.ListRunsResponse(runs=messages, next_page_token=token)

    async def WatchRun(self, request: pb.WatchRunRequest, context: Context) -> AsyncIterator[pb.Run]:
        part = parse_run(request.name, field="name")
        shown: Run | None = None
        while True:
            run = await self._get(part)
            if shown is None or replace(run, now=shown.now) != shown:
                yield run_to_proto(run)
                shown = run
            if run.at_rest:
                return
            if self._stopping.is_set():
                raise ShuttingDown("this server stops; watch the run again")
            if not await self._wakes.runs_ended.wait(WATCH_PAUSE_SECONDS):
                await self._wakes.runs_changed.wait(WATCH_POLL_SECONDS)

    async def CancelRun(self, request: pb.CancelRunRequest, context: Context) -> pb.Run:
        part = parse_run(request.name, field="name")

        async def cancel(connection: Connection) -> pb.Run:
            return run_to_proto(await leases.cancel_run(connection, current_tenant(), part.ingestion, part.id))

        reply = await self._repeats.once(request, cancel, reply=pb.Run)
        self._wakes.runs_changed.signal()
        return reply

    async def ResolvePublish(self, request: pb.ResolvePublishRequest, context: Context) -> pb.Run:
        part = parse_run(request.name, field="name")
        lease_id = parse_uuid(request.lease, field="lease")
        resolution = _resolution(request)

        async def resolve(connection: Connection) -> pb.Run:
            run = await runs.get(connection, current_tenant(), part.ingestion, part.id)
            resolved = await publications.resolve(
                connection, run, lease_id=lease_id, resolution=resolution, snapshot_id=request.snapshot_id
            )
            return run_to_proto(resolved)

        reply = await self._repeats.once(request, resolve, reply=pb.Run)
        self._wakes.leases_offered.signal()
        self._wakes.runs_changed.signal()
        return reply

    async def _get(self, part: Part) -> Run:
        async with self._database.transaction() as connection:
            return await runs.get(connection, current_tenant(), part.ingestion, part.id)


def _resolution(request: pb.ResolvePublishRequest) -> Resolution:
    name = enum_name(pb.ResolvePublishRequest.Resolution.DESCRIPTOR, "RESOLUTION_", request.resolution)
    if name is None:
        raise InvalidField(Violation("resolution", f"say one of {', '.join(Resolution)}"))
    resolution = Resolution(name)
    if request.snapshot_id and resolution is not Resolution.PUBLISHED:
        raise InvalidField(Violation("snapshot_id", "is of use with RESOLUTION_PUBLISHED alone; leave it out"))
    return resolution
