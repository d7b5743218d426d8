"""Holds a listing page against what the ledger knows, and records what is new.

The source lists in byte order and the key is in byte order, so what is known of a page is one range of the key. That
range is pulled whole and merged here, at the same speed however many files are known. Where the range holds many more
rows than the page, or the page is in no order, the page's names are looked up one by one, still in one statement.
"""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.domain.file import SKIPPED_BY_PERSON, FileState, ListedFile
from control_plane.domain.versions import Decision, KnownVersion, Move, decide, version_of
from control_plane.ledger.database import Connection, fetch
from control_plane.ledger.statements import statement

_VERSION = "CASE WHEN etag <> '' THEN etag ELSE size_bytes || ':' || modification_time_ns END"
# A version that may come back is never taken for settled: it goes the long way through decide().
_SETTLED = f"CASE WHEN state = 'MISSING' OR (state = 'SKIPPED' AND generation > 1) THEN NULL ELSE {_VERSION} END"
_BY_RANGE = (
    f"SELECT uri, {_SETTLED} FROM files WHERE ingestion_id = $1 AND uri BETWEEN $2 AND $3"
    " ORDER BY uri, generation LIMIT $4"
)
_BY_NAME = (
    f"SELECT files.uri, {_SETTLED} FROM unnest($2::text[]) AS listed (uri)"
    " JOIN files ON files.ingestion_id = $1 AND files.uri = listed.uri"
    " ORDER BY files.uri, files.generation"
)
_VERSIONS = (
    f"SELECT files.uri, generation, state, {_VERSION}, error_category = 'PUBLISH_IN_DOUBT',"
    f" state = 'SKIPPED' AND error_category = '{SKIPPED_BY_PERSON}'"
    " FROM unnest($2::text[]) AS listed (uri)"
    " JOIN files ON files.ingestion_id = $1 AND files.uri = listed.uri"
    " ORDER BY files.uri, generation"
)
# A range with more known rows than this many times the page is given up for the look-up by name.
RANGE_FACTOR = 4


async def record_page(
    connection: Connection,
    *,
    ingestion_id: int,
    run_id: int,
    page: Sequence[ListedFile],
    ordered: bool,
) -> int:
    """Records what the page has and the ledger lacks; returns how many files or versions were new."""
    settled = await _settled_versions(connection, ingestion_id, page, ordered=ordered)
    unsettled = [file for file in page if settled.get(file.uri) != (file.etag or version_of(file))]
    if not unsettled:
        return 0
    new = [(file, Decision(Move.RECORD, 1)) for file in unsettled if file.uri not in settled]
    known = [file for file in unsettled if file.uri in settled]
    decided = await _decide(connection, ingestion_id, known) if known else []
    await _supersede(connection, ingestion_id, decided)
    await _revive(connection, ingestion_id, run_id, decided)
    recorded = [each for each in (*new, *decided) if each[1].move is Move.RECORD]
    return await _record(connection, ingestion_id, run_id, recorded) if recorded else 0


async def _settled_versions(
    connection: Connection, ingestion_id: int, page: Sequence[ListedFile], *, ordered: bool
) -> dict[str, str | None]:
    if ordered and page:
        limit = RANGE_FACTOR * len(page) + 1000
        rows = await fetch(connection, _BY_RANGE, ingestion_id, page[0].uri, page[-1].uri, limit)
        if len(rows) < limit:
            return dict(rows)
    return dict(await fetch(connection, _BY_NAME, ingestion_id, [file.uri for file in page]))


async def _decide(
    connection: Connection, ingestion_id: int, listed: Sequence[ListedFile]
) -> list[tuple[ListedFile, Decision]]:
    known: dict[str, list[KnownVersion]] = {}
    for uri, generation, state, version, in_doubt, ruled_out in await fetch(
        connection, _VERSIONS, ingestion_id, [file.uri for file in listed]
    ):
        known.setdefault(uri, []).append(
            KnownVersion(generation, FileState(state), version, in_doubt=bool(in_doubt), ruled_out=bool(ruled_out))
        )
    return [(file, decide(file, known[file.uri])) for file in listed]


async def _supersede(connection: Connection, ingestion_id: int, decided: Sequence[tuple[ListedFile, Decision]]) -> None:
    newer = [
        (file.uri, decision.generation)
        for file, decision in decided
        if decision.move is Move.RECORD and not decision.skip
    ]
    if newer:
        await _execute_pairs(connection, "supersede_files", newer, ingestion_id=ingestion_id)


async def _revive(
    connection: Connection,
    ingestion_id: int,
    run_id: int,
    decided: Sequence[tuple[ListedFile, Decision]],
) -> None:
    back = [(file.uri, decision.generation) for file, decision in decided if decision.move is Move.REVIVE]
    if back:
        await _execute_pairs(connection, "revive_files", back, ingestion_id=ingestion_id, run_id=run_id)
        await _execute_pairs(connection, "supersede_files", back, ingestion_id=ingestion_id)


async def _execute_pairs(connection: Connection, name: str, pairs: Sequence[tuple[str, int]], **keys: int) -> None:
    uris, generations = zip(*pairs, strict=True)
    await connection.execute(statement(name), {"uris": list(uris), "generations": list(generations), **keys})


async def _record(
    connection: Connection,
    ingestion_id: int,
    run_id: int,
    recorded: Sequence[tuple[ListedFile, Decision]],
) -> int:
    rulings = [_ruling(file, decision) for file, decision in recorded]
    row = (
        await connection.execute(
            statement("record_files"),
            {
                "ingestion_id": ingestion_id,
                "run_id": run_id,
                "uris": [file.uri for file, _ in recorded],
                "generations": [decision.generation for _, decision in recorded],
                "sizes": [file.size_bytes for file, _ in recorded],
                "etags": [file.etag for file, _ in recorded],
                "times": [file.modification_time_ns for file, _ in recorded],
                "states": ["SKIPPED" if message else "PENDING" for _, message in rulings],
                "categories": [category for category, _ in rulings],
                "messages": [message for _, message in rulings],
            },
        )
    ).one()
    return int(row.discovered)


def _ruling(file: ListedFile, decision: Decision) -> tuple[str, str]:
    if file.unsupported:
        return "NAME_UNSUPPORTED", file.unsupported
    if decision.skip:
        return "FILE_CHANGED", decision.skip
    return "", ""
