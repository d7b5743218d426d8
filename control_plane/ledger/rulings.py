"""What a person says of files: which are to be loaded after all, and which are not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from sqlalchemy import ColumnElement, select

from control_plane.domain.file import SKIPPED_BY_PERSON
from control_plane.domain.filter import Filter
from control_plane.domain.ingestion import StoredIngestion
from control_plane.ledger.conditions import where
from control_plane.ledger.database import Connection
from control_plane.ledger.files import COLUMNS, lock_active_run
from control_plane.ledger.statements import statement
from control_plane.ledger.tables import files

# Each in the words of an index, which a condition on all of them would not use.
_PENDING = files.c.state == "PENDING"
_NOT_LOADED = files.c.state.in_(["FAILED", "MISSING"])
_SKIPPED = (files.c.state == "SKIPPED") & (files.c.error_category == SKIPPED_BY_PERSON)
BATCH_FILES = 10_000


async def retry(
    connection: Connection, stored: StoredIngestion, *, file_ids: Sequence[int], filter: Filter, skipped: bool = False
) -> int:
    """Sets FAILED and MISSING files back to PENDING: those named, or with no names all that the filter admits.

    What a person had skipped comes along when it is named, or when `skipped` says so.
    """
    await lock_active_run(connection, stored.ingestion_id)
    if file_ids:
        return await _retry(connection, stored.ingestion_id, file_ids, named=True, skipped=True)
    among = [_NOT_LOADED, _SKIPPED] if skipped else [_NOT_LOADED]
    return sum(
        [
            await _retry(connection, stored.ingestion_id, batch, named=False, skipped=skipped)
            async for batch in _batches(connection, stored, filter, among=among)
        ]
    )


async def take_up(connection: Connection, ingestion_id: int, file_ids: Sequence[int]) -> None:
    """Sets FAILED files back to PENDING whose hindrance a person took away; the caller has locked the active run."""
    for first in range(0, len(file_ids), BATCH_FILES):
        batch = file_ids[first : first + BATCH_FILES]
        await _retry(connection, ingestion_id, batch, named=False, skipped=False)


async def skip(
    connection: Connection, stored: StoredIngestion, *, file_ids: Sequence[int], filter: Filter, message: str
) -> int:
    """Sets PENDING, FAILED and MISSING files to SKIPPED: those named, or with no names all that the filter admits."""
    await lock_active_run(connection, stored.ingestion_id)
    if file_ids:
        return await _skip(connection, stored, file_ids, message=message)
    return sum(
        [
            await _skip(connection, stored, batch, message=message)
            async for batch in _batches(connection, stored, filter, among=[_PENDING, _NOT_LOADED])
        ]
    )


async def _retry(
    connection: Connection, ingestion_id: int, file_ids: Sequence[int], *, named: bool, skipped: bool
) -> int:
    done = await connection.execute(
        statement("retry_files"),
        {"ingestion_id": ingestion_id, "file_ids": list(file_ids), "named": named, "skipped": skipped},
    )
    return int(done.one().files)


async def _skip(connection: Connection, stored: StoredIngestion, file_ids: Sequence[int], *, message: str) -> int:
    done = await connection.execute(
        statement("skip_files"),
        {"ingestion_id": stored.ingestion_id, "file_ids": list(file_ids), "message": message},
    )
    return int(done.one().files)


async def _batches(
    connection: Connection, stored: StoredIngestion, filter: Filter, *, among: Sequence[ColumnElement[bool]]
) -> AsyncIterator[list[int]]:
    """The ids of the files that the filter admits, of those among which to look."""
    chosen = (
        select(files.c.file_id)
        .where(files.c.ingestion_id == stored.ingestion_id, where(filter, COLUMNS.__getitem__))
        .order_by(files.c.file_id)
        .limit(BATCH_FILES)
    )
    for states in among:
        last = 0
        while batch := list(await connection.scalars(chosen.where(states, files.c.file_id > last))):
            yield batch
            last = batch[-1]
