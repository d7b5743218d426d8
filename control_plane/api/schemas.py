"""The door to the columns of ingestions, and to changes of them that wait for a person."""

from __future__ import annotations

from functools import partial

from autoloader.v1 import schema_changes_pb2
from autoloader.v1 import schemas_pb2 as pb
from autoloader.v1.schemas_pb2_grpc import SchemaServiceServicer

from control_plane.api import filters
from control_plane.api.convert.enums import enum_name
from control_plane.api.convert.schema import change_to_proto, version_to_proto
from control_plane.api.interceptors.auth import current_tenant
from control_plane.api.interceptors.interceptor import Context
from control_plane.api.names import parse_ingestion, parse_schema_change, parse_schema_version
from control_plane.api.pages import Pages
from control_plane.api.repeats import Repeats
from control_plane.domain.schema import ChangeState, Decision
from control_plane.errors import InvalidField, Violation
from control_plane.ledger import changes, ingestions, versions
from control_plane.ledger.database import Connection, Database

_FIELDS = {"state": filters.one_of(*ChangeState), "path": filters.text()}


class SchemaService(SchemaServiceServicer):
    def __init__(self, *, database: Database, repeats: Repeats, pages: Pages) -> None:
        self._database = database
        self._repeats = repeats
        self._pages = pages

    async def ListSchemaVersions(
        self, request: pb.ListSchemaVersionsRequest, context: Context
    ) -> pb.ListSchemaVersionsResponse:
        tenant = current_tenant()
        parent = parse_ingestion(request.parent, field="parent")
        page = self._pages.read(request, "ListSchemaVersions", tenant, parent, default_size=50)
        async with self._database.transaction() as connection:
            rows = await versions.list_page(
                connection,
                await ingestions.get(connection, tenant, parent),
                before=int(page.cursor) if page.cursor else None,
                limit=page.limit,
            )
        message = partial(version_to_proto, ingestion=parent)
        messages, token = page.fill(rows, message=message, cursor=lambda row: str(row.version))
        return pb.ListSchemaVersionsResponse(schema_versions=messages, next_page_token=token)

    async def GetSchemaVersion(self, request: pb.GetSchemaVersionRequest, context: Context) -> pb.SchemaVersion:
        ingestion, version = parse_schema_version(request.name, field="name")
        async with self._database.transaction() as connection:
            stored = await ingestions.get(connection, current_tenant(), ingestion)
            return version_to_proto(await versions.get(connection, stored, version), ingestion=ingestion)

    async def ListSchemaChanges(
        self, request: pb.ListSchemaChangesRequest, context: Context
    ) -> pb.ListSchemaChangesResponse:
        tenant = current_tenant()
        parent = parse_ingestion(request.parent, field="parent")
        page = self._pages.read(request, "ListSchemaChanges", tenant, parent, request.filter, default_size=50)
        filter = filters.parse_filter(request.filter, _FIELDS)
        async with self._database.transaction() as connection:
            rows = await changes.list_page(
                connection,
                await ingestions.get(connection, tenant, parent),
                filter=filter,
                after=int(page.cursor or 0),
                limit=page.limit,
            )
        message = partial(change_to_proto, ingestion=parent)
        messages, token = page.fill(rows, message=message, cursor=lambda row: str(row.change_id))
        return pb.ListSchemaChangesResponse(schema_changes=messages, next_page_token=token)

    async def ResolveSchemaChange(
        self, request: pb.ResolveSchemaChangeRequest, context: Context
    ) -> schema_changes_pb2.SchemaChange:
        part = parse_schema_change(request.name, field="name")
        decision = _decision(request)

        async def resolve(connection: Connection) -> schema_changes_pb2.SchemaChange:
            stored = await ingestions.get(connection, current_tenant(), part.ingestion)
            return change_to_proto(
                await changes.decide(connection, stored, part.id, decision), ingestion=part.ingestion
            )

        kind = schema_changes_pb2.SchemaChange
        return await self._repeats.once(request, resolve, reply=kind, dry_run=request.validate_only)


def _decision(request: pb.ResolveSchemaChangeRequest) -> Decision:
    name = enum_name(pb.ResolveSchemaChangeRequest.Resolution.DESCRIPTOR, "RESOLUTION_", request.resolution)
    if name is None:
        raise InvalidField(Violation("resolution", f"say one of {', '.join(Decision)}"))
    return Decision(name)
