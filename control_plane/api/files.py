"""The door to files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autoloader.v1 import errors_pb2
from autoloader.v1 import files_pb2 as pb
from autoloader.v1.files_pb2_grpc import FileServiceServicer

from control_plane.api import filters
from control_plane.api.convert.file import explanation_to_proto, file_to_proto, summary_to_proto
from control_plane.api.interceptors.auth import current_tenant
from control_plane.api.interceptors.interceptor import Context
from control_plane.api.names import parse_file, parse_ingestion, parse_run
from control_plane.api.pages import Pages
from control_plane.api.repeats import Repeats
from control_plane.domain.checks import CONTROL_CHARACTER
from control_plane.domain.explanation import explain
from control_plane.domain.file import FileState
from control_plane.domain.filter import Filter
from control_plane.domain.unseen import explain_unseen, spelled
from control_plane.errors import AutoloaderError, InvalidField, Violation
from control_plane.ledger import files, ingestions, rulings, standings
from control_plane.ledger.database import Connection, Database
from control_plane.sources.names import why_unsupported

NAMES_MAX = 1_000
VERSIONS_MAX = 100
REASON_CHARACTERS_MAX = 200
_CATEGORIES = [name.removeprefix("ERROR_CATEGORY_") for name in errors_pb2.ErrorCategory.keys()[1:]]


class FileService(FileServiceServicer):
    def __init__(self, *, database: Database, repeats: Repeats, pages: Pages) -> None:
        self._database = database
        self._repeats = repeats
        self._pages = pages

    async def GetFile(self, request: pb.GetFileRequest, context: Context) -> pb.File:
        part = parse_file(request.name, field="name")
        async with self._database.transaction() as connection:
            return file_to_proto(await files.get(connection, current_tenant(), part.ingestion, part.id))

    async def ListFiles(self, request: pb.ListFilesRequest, context: Context) -> pb.ListFilesResponse:
        tenant = current_tenant()
        parent = parse_ingestion(request.parent, field="parent")
        page = self._pages.read(request, "ListFiles", tenant, parent, request.filter, default_size=100)
        filter = filters.parse_filter(request.filter, _fields(parent))
        async with self._database.transaction() as connection:
            rows = await files.list_page(
                connection,
                await ingestions.get(connection, tenant, parent),
                filter=filter,
                after=int(page.cursor or 0),
                limit=page.limit,
            )
        messages, token = page.fill(rows, message=file_to_proto, cursor=lambda row: str(row.file_id))
        return pb.ListFilesResponse(files=messages, next_page_token=token)

    async def SummarizeFiles(self, request: pb.SummarizeFilesRequest, context: Context) -> pb.SummarizeFilesResponse:
        parent = parse_ingestion(request.parent, field="parent")
        async with self._database.transaction() as connection:
            stored = await ingestions.get(connection, current_tenant(), parent)
            summaries = await files.summarize(connection, stored)
        return pb.SummarizeFilesResponse(summaries=map(summary_to_proto, summaries))

    async def RetryFiles(self, request: pb.RetryFilesRequest, context: Context) -> pb.RetryFilesResponse:
        parent = parse_ingestion(request.parent, field="parent")
        file_ids, filter = _chosen(request, parent)

        async def retry(connection: Connection) -> pb.RetryFilesResponse:
            stored = await ingestions.get(connection, current_tenant(), parent)
            count = await rulings.retry(
                connection, stored, file_ids=file_ids, filter=filter, skipped=request.include_skipped
            )
            return pb.RetryFilesResponse(file_count=count)

        return await self._repeats.once(request, retry, reply=pb.RetryFilesResponse, dry_run=request.validate_only)

    async def SkipFiles(self, request: pb.SkipFilesRequest, context: Context) -> pb.SkipFilesResponse:
        parent = parse_ingestion(request.parent, field="parent")
        if not request.names and not request.filter.strip():
            raise InvalidField(
                Violation("names", "name the files, or say by filter which: without both it would be all")
            )
        file_ids, filter = _chosen(request, parent)
        message = _skip_message(request.reason)

        async def skip(connection: Connection) -> pb.SkipFilesResponse:
            stored = await ingestions.get(connection, current_tenant(), parent)
            count = await rulings.skip(connection, stored, file_ids=file_ids, filter=filter, message=message)
            return pb.SkipFilesResponse(file_count=count)

        return await self._repeats.once(request, skip, reply=pb.SkipFilesResponse, dry_run=request.validate_only)

    async def ExplainFile(self, request: pb.ExplainFileRequest, context: Context) -> pb.ExplainFileResponse:
        parent = parse_ingestion(request.parent, field="parent")
        if not request.uri and not request.file:
            raise InvalidField(Violation("uri", "is missing; name the object, or a file of it"))
        if "\0" in request.uri:
            raise InvalidField(Violation("uri", "has a NUL, which no object's name has"))
        file_id = _file_id(request.file, parent, field="file") if request.file else None
        async with self._database.transaction() as connection:
            stored = await ingestions.get(connection, current_tenant(), parent)
            named = await files.get(connection, current_tenant(), parent, file_id) if file_id is not None else None
            uri = named.uri if named else spelled(request.uri)
            versions = await files.versions(connection, stored, uri, limit=VERSIONS_MAX)
            if not versions:
                listing = await standings.listing_of(connection, stored)
                told = explain_unseen(uri, stored.ingestion, listing, why_unsupported=why_unsupported)
                return explanation_to_proto(told, ingestion=parent, run_id=listing.last_whole_run)
            file = named or versions[-1]
            standing = await standings.standing_of(connection, stored, file, versions=versions)
        return explanation_to_proto(explain(standing), ingestion=parent, run_id=file.run_id, versions=versions)


def _fields(parent: str) -> Mapping[str, filters.Field]:
    def run(value: str) -> int:
        try:
            part = parse_run(value, field="filter")
        except AutoloaderError as error:
            raise ValueError("is no name of a run") from error
        if part.ingestion != parent:
            raise ValueError(f"is no run of ingestions/{parent}")
        return part.id

    return {
        "state": filters.one_of(*FileState),
        "run": filters.custom(run),
        "uri": filters.text(),
        "category": filters.one_of(*_CATEGORIES),
        "size_bytes": filters.integer(),
        "discover_time": filters.time(),
    }


def _chosen(request: pb.RetryFilesRequest | pb.SkipFilesRequest, parent: str) -> tuple[list[int], Filter]:
    """The files that are named, or else the filter that chooses them."""
    if request.names and request.filter:
        raise InvalidField(Violation("filter", "names choose the files already; leave one of both out"))
    return _file_ids(request.names, parent), filters.parse_filter(request.filter, _fields(parent))


def _skip_message(reason: str) -> str:
    if len(reason) > REASON_CHARACTERS_MAX or CONTROL_CHARACTER.search(reason):
        wrong = f"has a control character, or more than {REASON_CHARACTERS_MAX} characters; say it in a short line"
        raise InvalidField(Violation("reason", wrong))
    return f"A person ruled this file out: {reason}" if reason else "A person ruled this file out, and gave no reason."


def _file_ids(names: Sequence[str], parent: str) -> list[int]:
    if len(names) > NAMES_MAX:
        raise InvalidField(Violation("names", f"has {len(names)} names; at most {NAMES_MAX} fit"))
    return [_file_id(name, parent, field=f"names[{position}]") for position, name in enumerate(names)]


def _file_id(name: str, parent: str, *, field: str) -> int:
    part = parse_file(name, field=field)
    if part.ingestion != parent:
        raise InvalidField(Violation(field, f"is no file of ingestions/{parent}"))
    return part.id
