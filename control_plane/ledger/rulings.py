"""What a person says of files: which are to be loaded after all."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from control_plane.domain.filter import Filter
from control_plane.domain.ingestion import StoredIngestion
from control_plane.ledger.conditions import where
from control_plane.ledger.database import Connection
from control_plane.ledger.files import COLUMNS, lock_active_run
from control_plane.ledger.statements import statement
from control_plane.ledger.tables import files

_NOT_LOADED = files.c.state.in_(["FAILED", "MISSING"])
BATCH_FILES = 10_000


async def retry(connection: Connection, stored: StoredIngestion, *, file_ids: Sequence[int], filter: Filter) -> int:
    """Sets FAILED and MISSING files back to PENDING: those named, or with no names all that the filter admits."""
    await lock_active_run(connection, stored.ingestion_id)
    if file_ids:
        return await _retry(connection, stored, file_ids, named=True)
    retried, last = 0, 0
    while batch := await _not_loaded(connection, stored, filter, last):
        retried += await _retry(connection, stored, batch, named=False)
        last = batch[-1]
    return retried


async def _retry(connection: Connection, stored: StoredIngestion, file_ids: Sequence[int], *, named: bool) -> int:
    done = await connection.execute(
        statement("retry_files"),
        {"ingestion_id": stored.ingestion_id, "file_ids": list(file_ids), "named": named},
    )
    return int(done.one().files)


async def _not_loaded(connection: Connection, stored: StoredIngestion, filter: Filter, after: int) -> list[int]:
    query = (
        select(files.c.file_id)
        .where(files.c.ingestion_id == stored.ingestion_id, files.c.file_id > after, _NOT_LOADED)
        .where(where(filter, COLUMNS.__getitem__))
        .order_by(files.c.file_id)
        .limit(BATCH_FILES)
    )
    return list(await connection.scalars(query))
