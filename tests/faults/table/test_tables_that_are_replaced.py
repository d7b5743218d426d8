"""A run never adds to a table that took the place of the one it began with: it stops and says so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from autoloader.v1 import errors_pb2, runs_pb2

from tests.checker.checker import assert_no_findings
from tests.e2e.lake import CATALOG
from tests.faults.table.ground import FIRST, IDS_OF_FIRST, SECOND, Ground, Loading, Resolution, ids_of

pytestmark = pytest.mark.wide

TRY_AGAIN = Resolution.RESOLUTION_TRY_AGAIN
COLUMNS = "(id bigint, timestamp string, user_id string, event_type string, value double)"
# A row that only the new table has.
NEW = -1

Replace = Callable[[Ground, Loading], Awaitable[object]]


def drop_and_create(ground: Ground, loading: Loading) -> Awaitable[object]:
    name = loading.sql_name
    return ground.sql(
        f"DROP TABLE {name}",
        f"CREATE TABLE {name} {COLUMNS} USING iceberg",
        f"INSERT INTO {name} (id) VALUES ({NEW})",
    )


def create_or_replace(ground: Ground, loading: Loading) -> Awaitable[object]:
    return ground.sql(f"CREATE OR REPLACE TABLE {loading.sql_name} USING iceberg AS SELECT CAST({NEW} AS bigint) AS id")


@pytest.mark.parametrize(
    ("replace", "point"),
    [
        (drop_and_create, "executor.before_publish"),
        (drop_and_create, "executor.before_pick"),
        (create_or_replace, "executor.before_publish"),
    ],
)
async def test_nothing_comes_into_a_table_that_took_the_others_place(
    ground: Ground, replace: Replace, point: str
) -> None:
    loading = await ground.a_loading(FIRST)
    replaced = ground.moments.at(point, lambda: _done(replace(ground, loading)))
    loading.put(SECOND)

    run = await loading.run()
    await replaced

    assert run.state == runs_pb2.Run.STATE_FAILED
    assert [error.category for error in run.errors] == [errors_pb2.ERROR_CATEGORY_PUBLISH_IN_DOUBT]
    assert await loading.ids() == [NEW]


async def test_a_run_whose_table_was_replaced_before_it_staged_adds_nothing_and_the_next_one_loads(
    ground: Ground,
) -> None:
    loading = await ground.a_loading(FIRST)
    replaced = ground.moments.at("executor.before_stage", lambda: _done(drop_and_create(ground, loading)))
    loading.put(SECOND)

    run = await loading.run()
    await replaced

    assert run.state == runs_pb2.Run.STATE_FAILED
    assert [error.category for error in run.errors] == [errors_pb2.ERROR_CATEGORY_TABLE_REPLACED]
    assert await loading.ids() == [NEW]

    run = await loading.run()

    assert run.state == runs_pb2.Run.STATE_SUCCEEDED
    assert await loading.ids() == [NEW, *ids_of(SECOND)]
    audited = await ground.auditor.audit(loading.ingestion)
    assert audited.differ and "dropped and created again" in audited.told


async def test_a_table_that_is_replaced_once_it_was_found_without_the_rows_gets_them_once(ground: Ground) -> None:
    loading = await ground.a_loading(FIRST)
    replaced = ground.moments.at("executor.before_pick", lambda: _done(create_or_replace(ground, loading)))

    await loading.loads(SECOND)
    await replaced

    assert await loading.ids() == [NEW, *ids_of(SECOND)]


async def test_a_table_that_went_away_gets_its_rows_once_it_is_back(ground: Ground) -> None:
    loading = await ground.a_loading(FIRST)
    away = f"{loading.table}_away"
    gone = ground.moments.at("executor.before_publish", lambda: ground.change(loading, f"RENAME TO {away}"))
    loading.put(SECOND)
    run = await loading.run()
    await gone
    assert run.state == runs_pb2.Run.STATE_FAILED
    assert "is gone" in run.errors[0].message
    await ground.sql(f"ALTER TABLE {CATALOG}.{away} RENAME TO {loading.table}")
    assert await loading.ids() == IDS_OF_FIRST

    await loading.resolve(run, TRY_AGAIN)

    assert not (await loading.settled(run)).leases_in_doubt
    assert_no_findings(await loading.findings(FIRST, SECOND))


async def _done(doing: Awaitable[object]) -> None:
    await doing
