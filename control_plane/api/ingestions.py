"""The door to ingestions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from autoloader.v1 import ingestions_pb2 as pb
from autoloader.v1 import runs_pb2
from autoloader.v1.ingestions_pb2_grpc import IngestionServiceServicer
from google.protobuf.empty_pb2 import Empty

from control_plane.api import filters
from control_plane.api.convert.destination import check_destination
from control_plane.api.convert.ingestion import (
    etag_of,
    format_from_proto,
    ingestion_from_proto,
    stored_to_proto,
)
from control_plane.api.convert.load import check_load
from control_plane.api.convert.look import look_to_proto
from control_plane.api.convert.run import run_to_proto
from control_plane.api.convert.schema import check_schema
from control_plane.api.credentials import KeySafe
from control_plane.api.interceptors.auth import current_tenant
from control_plane.api.interceptors.interceptor import Context
from control_plane.api.masks import apply_mask
from control_plane.api.names import parse_ingestion
from control_plane.api.pages import Pages
from control_plane.api.previews import Previewer, refuse_bounds
from control_plane.api.repeats import Repeats
from control_plane.domain.checks import check, check_change, check_id, normalize
from control_plane.domain.ingestion import CredentialsKind, Ingestion, IngestionState, StoredIngestion
from control_plane.domain.rules import Rules
from control_plane.domain.run import Trigger
from control_plane.errors import EtagMismatch, InvalidField, Overloaded, Violation
from control_plane.ledger import ingestions, runs
from control_plane.ledger.database import Connection, Database
from control_plane.sources.look import look_at
from control_plane.sources.source import Source
from control_plane.wake import Wakes

# Each keeps a thread and a connection to a store.
CHECKS_MAX = 8
_FIELDS = {
    "state": filters.one_of(*IngestionState),
    "display_name": filters.text(),
    "pool": filters.text(),
    "create_time": filters.time(),
    "labels": filters.keys(),
    "labels.*": filters.text(),
}


class IngestionService(IngestionServiceServicer):
    def __init__(
        self,
        *,
        database: Database,
        repeats: Repeats,
        pages: Pages,
        keys: KeySafe,
        open_source: Callable[[Ingestion], Source],
        previewer: Previewer,
        rules: Rules,
        wakes: Wakes,
    ):
        self._database = database
        self._repeats = repeats
        self._pages = pages
        self._keys = keys
        self._open_source = open_source
        self._checks = 0
        self._previewer = previewer
        self._rules = rules
        self._wakes = wakes

    async def CreateIngestion(self, request: pb.CreateIngestionRequest, context: Context) -> pb.Ingestion:
        async def create(connection: Connection) -> pb.Ingestion:
            sent = self._read(request.ingestion, id=request.ingestion_id, state=IngestionState.ACTIVE)
            self._refuse(check_id(request.ingestion_id), request.ingestion, sent)
            return stored_to_proto(await ingestions.create(connection, normalize(sent)))

        return await self._repeats.once(request, create, reply=pb.Ingestion, dry_run=request.validate_only)

    async def GetIngestion(self, request: pb.GetIngestionRequest, context: Context) -> pb.Ingestion:
        id = parse_ingestion(request.name, field="name")
        async with self._database.transaction() as connection:
            return stored_to_proto(await ingestions.get(connection, current_tenant(), id))

    async def ListIngestions(self, request: pb.ListIngestionsRequest, context: Context) -> pb.ListIngestionsResponse:
        tenant = current_tenant()
        page = self._pages.read(request, "ListIngestions", tenant, request.filter, default_size=50)
        filter = filters.parse_filter(request.filter, _FIELDS)
        async with self._database.transaction() as connection:
            rows = await ingestions.list_page(connection, tenant, filter=filter, after=page.cursor, limit=page.limit)
        messages, token = page.fill(rows, message=stored_to_proto, cursor=lambda row: row.ingestion.id)
        return pb.ListIngestionsResponse(ingestions=messages, next_page_token=token)

    async def UpdateIngestion(self, request: pb.UpdateIngestionRequest, context: Context) -> pb.Ingestion:
        id = parse_ingestion(request.ingestion.name, field="ingestion.name")

        async def update(connection: Connection) -> pb.Ingestion:
            stored = await _locked(connection, id, etag=request.ingestion.etag)
            merged = apply_mask(stored_to_proto(stored), request.ingestion, request.update_mask.paths)
            changed = _with_kept_keys(self._read(merged, id=id, state=stored.ingestion.state), stored.ingestion)
            self._refuse([], merged, changed)
            changed = normalize(changed)
            _refuse_any(check_change(stored.ingestion, changed))
            return stored_to_proto(await ingestions.update(connection, stored, changed))

        return await self._repeats.once(request, update, reply=pb.Ingestion, dry_run=request.validate_only)

    async def DeleteIngestion(self, request: pb.DeleteIngestionRequest, context: Context) -> Empty:
        id = parse_ingestion(request.name, field="name")

        async def delete(connection: Connection) -> Empty:
            await ingestions.delete(connection, await _locked(connection, id, etag=request.etag))
            return Empty()

        return await self._repeats.once(request, delete, reply=Empty, dry_run=request.validate_only)

    async def RunIngestion(self, request: pb.RunIngestionRequest, context: Context) -> runs_pb2.Run:
        id = parse_ingestion(request.name, field="name")

        async def run(connection: Connection) -> runs_pb2.Run:
            stored = await ingestions.get(connection, current_tenant(), id, lock=True)
            return run_to_proto(await runs.open_run(connection, stored, trigger=Trigger.MANUAL))

        reply = await self._repeats.once(request, run, reply=runs_pb2.Run)
        self._wakes.runs_opened.signal()
        return reply

    async def PauseIngestion(self, request: pb.PauseIngestionRequest, context: Context) -> pb.Ingestion:
        return await self._set_state(request, IngestionState.PAUSED)

    async def ResumeIngestion(self, request: pb.ResumeIngestionRequest, context: Context) -> pb.Ingestion:
        return await self._set_state(request, IngestionState.ACTIVE)

    async def CheckIngestion(self, request: pb.CheckIngestionRequest, context: Context) -> pb.CheckIngestionResponse:
        ingestion = await self._checked(request)
        if self._checks >= CHECKS_MAX:
            raise Overloaded(f"{CHECKS_MAX} checks are under way, as many as are allowed; try again")
        self._checks += 1
        try:
            return look_to_proto(await look_at(lambda: self._open_source(ingestion)), ingestion=ingestion.id)
        finally:
            self._checks -= 1

    async def PreviewIngestion(
        self, request: pb.PreviewIngestionRequest, context: Context
    ) -> pb.PreviewIngestionResponse:
        refuse_bounds(request)
        preview = await self._previewer.preview(request, await self._checked(request), context)
        return pb.PreviewIngestionResponse(preview=preview)

    async def _checked(self, request: pb.CheckIngestionRequest | pb.PreviewIngestionRequest) -> Ingestion:
        """The ingestion to look at: a stored one, or the one that is sent, refused as Create would refuse it."""
        match request.WhichOneof("target"):
            case "name":
                id = parse_ingestion(request.name, field="name")
                async with self._database.transaction() as connection:
                    return (await ingestions.get(connection, current_tenant(), id)).ingestion
            case "ingestion":
                sent = self._read(request.ingestion, id="", state=IngestionState.ACTIVE)
                self._refuse([], request.ingestion, sent)
                return normalize(sent)
            case _:
                raise InvalidField(Violation("name", "is missing; name a stored ingestion, or send one"))

    async def _set_state(
        self, request: pb.PauseIngestionRequest | pb.ResumeIngestionRequest, state: IngestionState
    ) -> pb.Ingestion:
        id = parse_ingestion(request.name, field="name")

        async def set_state(connection: Connection) -> pb.Ingestion:
            stored = await _locked(connection, id, etag=request.etag)
            return stored_to_proto(await ingestions.set_state(connection, stored, state))

        return await self._repeats.once(request, set_state, reply=pb.Ingestion)

    def _read(self, message: pb.Ingestion, *, id: str, state: IngestionState) -> Ingestion:
        tenant = current_tenant()
        seal = partial(self._keys.seal, tenant=tenant, ingestion=id)
        return ingestion_from_proto(message, id=id, tenant=tenant, state=state, seal=seal)

    def _refuse(self, found: Sequence[Violation], message: pb.Ingestion, ingestion: Ingestion) -> None:
        """Raises InvalidField for all that is wrong at once."""
        within = [*_check_message(message), *check(ingestion, self._rules)]
        _refuse_any(within, found)


def _refuse_any(within: Sequence[Violation], found: Sequence[Violation] = ()) -> None:
    violations = [*found, *(Violation(f"ingestion.{each.field}", each.description) for each in within)]
    if violations:
        raise InvalidField(*violations)


def _check_message(message: pb.Ingestion) -> list[Violation]:
    """Checks what the domain has no words for."""
    violations = []
    if format_from_proto(message.format) is None:
        violations.append(
            Violation("format", "is missing, or not known here; use json, csv, parquet, avro, orc, xml or text")
        )
    keys = message.source.credentials.static_keys
    if keys.session_token and not keys.secret_access_key:
        field = "source.credentials.static_keys.session_token"
        violations.append(Violation(field, "comes with its secret_access_key; send both"))
    return [
        *violations,
        *check_destination(message.destination),
        *check_schema(message.schema),
        *check_load(message.load),
    ]


def _with_kept_keys(changed: Ingestion, stored: Ingestion) -> Ingestion:
    """Keeps the sealed secret when an update names the same access key id and sends no secret."""
    new, old = changed.source.credentials, stored.source.credentials
    if new is None or old is None or new.sealed or new.kind is not CredentialsKind.STATIC:
        return changed
    if new.access_key_id != old.access_key_id:
        return changed
    return replace(changed, source=replace(changed.source, credentials=replace(new, sealed=old.sealed)))


async def _locked(connection: Connection, id: str, *, etag: str) -> StoredIngestion:
    """Gets an ingestion to change it; raises NotFound, or EtagMismatch when a set etag is not its own."""
    stored = await ingestions.get(connection, current_tenant(), id, lock=True)
    if etag and etag != etag_of(stored):
        name = f"ingestions/{id}"
        raise EtagMismatch(f"{name} has changed since you read it; get it again", name=name, etag=etag)
    return stored
