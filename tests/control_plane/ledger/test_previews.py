"""Previews in the ledger: handed out once, answered once, and forgotten."""

from __future__ import annotations

import uuid

from sqlalchemy import text

from control_plane.domain.ingestion import Column, Ingestion
from control_plane.domain.lease import Holding, LeasedFile
from control_plane.domain.preview import FENCE, AcquiredPreview, PreviewState
from control_plane.ledger import ingestions, previews
from control_plane.ledger.database import Database
from control_plane.loops.pruner import Pruner
from tests.builders import an_ingestion, static_credentials
from tests.control_plane.ledger.steps import LEASE_SECONDS, Steps, some_files

FILE = LeasedFile(uri="s3://bucket/a.json", size_bytes=3, etag="e", modification_time_ns=1)
ID = Column(name="id", type="bigint")
WAITING = PreviewState(answer=None, is_taken=False, is_overdue=False)


async def asked(database: Database, ingestion: Ingestion | None = None, *, wait_seconds: float = 60.0) -> str:
    async with database.transaction() as connection:
        terms = await previews.terms_of(connection, ingestion or an_ingestion(""), files=[FILE], row_count=7)
        return await previews.ask(connection, terms, wait_seconds=wait_seconds)


async def acquired(
    database: Database, request_id: str = "", *, executor: str = "e1", pool: str = "default", seconds: float = 30.0
) -> AcquiredPreview | None:
    async with database.transaction() as connection:
        return await previews.acquire(
            connection,
            executor=executor,
            request_id=request_id or str(uuid.uuid4()),
            pool=pool,
            lease_seconds=seconds,
        )


async def taken(database: Database, request_id: str = "", *, seconds: float = 30.0) -> AcquiredPreview:
    preview = await acquired(database, request_id, seconds=seconds)
    assert preview is not None
    return preview


async def look(database: Database, preview_id: str) -> PreviewState:
    async with database.transaction() as connection:
        return await previews.look(connection, preview_id)


async def answered(database: Database, holding: Holding, answer: bytes = b"seen") -> bool:
    async with database.transaction() as connection:
        return await previews.answer(connection, holding, answer)


def holding(preview: AcquiredPreview) -> Holding:
    return Holding(lease_id=preview.preview_id, fence=FENCE, attempt=preview.attempt)


async def test_one_that_is_not_stored_goes_out_whole_and_leaves_no_file_run_or_lease(database: Database) -> None:
    ingestion = an_ingestion("", columns=[ID], credentials=static_credentials(sealed=b"seal"))
    preview_id = await asked(database, ingestion)
    preview = await taken(database)
    assert preview.preview_id == preview_id
    assert preview.terms.ingestion == ingestion
    assert (preview.terms.columns, preview.terms.schema_version) == ((ID,), 1)
    assert (preview.terms.files, preview.terms.row_count) == ((FILE,), 7)
    async with database.transaction() as connection:
        for table in ("ingestions", "files", "runs", "leases", "attempts"):
            assert (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 0


async def test_a_stored_one_goes_out_with_the_columns_that_hold(database: Database) -> None:
    async with database.transaction() as connection:
        stored = await ingestions.create(connection, an_ingestion(columns=[ID]))
    await asked(database, stored.ingestion)
    terms = (await taken(database)).terms
    assert (terms.ingestion.id, terms.columns, terms.schema_version) == ("orders", (ID,), 1)


async def test_it_is_handed_out_once_and_to_a_repeated_request_again(database: Database) -> None:
    await asked(database)
    first = await taken(database, "r1")
    again = await taken(database, "r1")
    assert (again.preview_id, again.attempt) == (first.preview_id, first.attempt)
    assert await acquired(database, "r2") is None


async def test_a_request_that_was_answered_with_a_lease_gets_no_preview(database: Database, steps: Steps) -> None:
    await steps.offered(some_files(1))
    await steps.acquire(executor="e1", request_id="r1")
    await asked(database)
    assert await acquired(database, "r1") is None
    assert await acquired(database, "r2") is not None


async def test_one_of_another_pool_or_for_which_nobody_waits_is_not_handed_out(database: Database) -> None:
    await asked(database, wait_seconds=0.0)
    await asked(database, an_ingestion("", pool="others"))
    assert await acquired(database) is None
    assert await acquired(database, pool="others") is not None


async def test_an_answer_is_kept_until_it_is_read_and_a_second_one_changes_nothing(database: Database) -> None:
    preview_id = await asked(database)
    assert await look(database, preview_id) == WAITING
    held = holding(await taken(database))
    assert (await look(database, preview_id)).is_taken
    stranger = Holding(lease_id=preview_id, fence=FENCE, attempt=str(uuid.uuid4()))
    assert not await answered(database, stranger, b"not mine")
    assert await answered(database, held)
    assert not await answered(database, held, b"seen later")
    assert (await look(database, preview_id)).answer == b"seen"
    async with database.transaction() as connection:
        await previews.forget(connection, preview_id)
    assert not await answered(database, held)


async def test_a_holder_that_falls_silent_is_overdue_and_nobody_else_gets_it(database: Database) -> None:
    preview_id = await asked(database)
    await taken(database, seconds=-1.0)
    assert (await look(database, preview_id)).is_overdue
    assert await acquired(database) is None


async def test_it_is_renewed_for_as_long_as_somebody_waits(database: Database) -> None:
    preview_id = await asked(database)
    held = holding(await taken(database, seconds=-1.0))
    async with database.transaction() as connection:
        assert await previews.renew(connection, held, lease_seconds=LEASE_SECONDS)
    assert not (await look(database, preview_id)).is_overdue
    async with database.transaction() as connection:
        await previews.forget(connection, preview_id)
        assert not await previews.renew(connection, held, lease_seconds=LEASE_SECONDS)


async def test_one_that_is_given_back_goes_to_another_under_another_attempt(database: Database) -> None:
    preview_id = await asked(database)
    first = await taken(database)
    async with database.transaction() as connection:
        await previews.release(connection, holding(first))
    assert await look(database, preview_id) == WAITING
    assert (await taken(database)).attempt != first.attempt
    assert not await answered(database, holding(first))


async def test_only_what_nobody_took_can_be_withdrawn(database: Database) -> None:
    first = await asked(database)
    await taken(database)
    second = await asked(database)
    async with database.transaction() as connection:
        assert not await previews.withdraw(connection, first)
        assert await previews.withdraw(connection, second)


async def test_what_was_left_behind_is_forgotten_after_an_hour(database: Database) -> None:
    old, fresh = await asked(database), await asked(database)
    async with database.transaction() as connection:
        await connection.execute(
            text("UPDATE previews SET create_time = now() - interval '61 minutes' WHERE preview_id = :id"), {"id": old}
        )
    await Pruner(database=database).turn()
    async with database.transaction() as connection:
        left = (await connection.execute(text("SELECT preview_id::text FROM previews"))).scalars().all()
    assert left == [fresh]
