"""What can be seen of an ingestion, over the API and in the ledger, without what differs between two that are alike."""

from __future__ import annotations

import re
from typing import Any

import asyncpg
import grpc
from autoloader.v1 import files_pb2, ingestions_pb2, runs_pb2
from google.protobuf.json_format import MessageToDict

from tests.faults.postgres.play import Play

# Times, random ids, and what derives from them; and what listing cost, which may have to begin anew. Of these only that
# they are there is compared, and how many.
OF_THEIR_OWN = {
    *(
        "create_time",
        "update_time",
        "start_time",
        "end_time",
        "cancel_time",
        "discover_time",
        "resolve_time",
        "modification_time",
        "time",
    ),
    *("duration", "etag", "id", "attempt", "server_time", "modification_time_ns", "file"),
    *("leases_in_doubt", "droppable_branches"),
    *("listing_requests", "objects_listed"),
}
LEDGER = {
    "leases": "SELECT state, fence, attempts, begun, holder IS NULL AS is_free, deadline IS NULL AS is_open"
    " FROM leases WHERE ingestion_id = $1 ORDER BY state, fence",
    "hand-outs": "SELECT count(*) FROM attempts JOIN leases USING (lease_id) WHERE ingestion_id = $1",
    "staged": "SELECT staged_snapshot_id, published_snapshot_id FROM staged_tables JOIN leases USING (lease_id)"
    " WHERE ingestion_id = $1 ORDER BY 1",
    "totals": "SELECT to_jsonb(ingestion_totals) - 'ingestion_id' - 'last_success_time' - 'listing_requests'"
    " FROM ingestion_totals WHERE ingestion_id = $1",
    "counters": "SELECT counter, labels, value FROM ingestion_counters"
    " WHERE ingestion_id = $1 AND counter <> 'run_milliseconds' ORDER BY 1, 2",
    "schemas": "SELECT version, columns, origin FROM schema_versions WHERE ingestion_id = $1 ORDER BY version",
    "changes": "SELECT path, state, version FROM schema_changes WHERE ingestion_id = $1 ORDER BY path",
    "waiting": "SELECT count(*) FROM waiting_files WHERE ingestion_id = $1",
}

Seen = dict[str, Any]


async def seen(play: Play, ledger: asyncpg.Connection) -> Seen:
    """The ingestion, its runs, files and sums as a caller sees them, and the rows behind them."""
    requests = {
        "ingestion": ingestions_pb2.GetIngestionRequest(name=play.name),
        "runs": runs_pb2.ListRunsRequest(parent=play.name),
        "files": files_pb2.ListFilesRequest(parent=play.name),
        "summary": files_pb2.SummarizeFilesRequest(parent=play.name),
    }
    return {name: await _told(play, each) for name, each in requests.items()} | await _stored(play, ledger)


def plain(message: Any, play: Play) -> Any:
    """A message as it would read for any other ingestion."""
    return _plain(MessageToDict(message, preserving_proto_field_name=True), play)


async def _told(play: Play, request: Any) -> Any:
    try:
        return plain(await play.doors.call(request), play)
    except grpc.aio.AioRpcError as error:
        return error.code().name


async def _stored(play: Play, ledger: asyncpg.Connection) -> Seen:
    key = await ledger.fetchval("SELECT ingestion_id FROM ingestions WHERE id = $1", play.id)
    return {name: [tuple(row) for row in await ledger.fetch(query, key)] for name, query in LEDGER.items()}


def _plain(value: Any, play: Play) -> Any:
    match value:
        case dict():
            return {key: _count(each) if key in OF_THEIR_OWN else _plain(each, play) for key, each in value.items()}
        case list():
            return [_plain(each, play) for each in value]
        case str():
            return re.sub(r"(runs|files|schemaChanges)/\w+", r"\1/N", value.replace(play.id, "ID"))
    return value


def _count(value: Any) -> int:
    return len(value) if isinstance(value, list) else 1
