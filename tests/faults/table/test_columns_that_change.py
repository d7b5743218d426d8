"""Columns and partitions that change between the plan and the commit: rows are there once, or the run says why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from autoloader.v1 import errors_pb2, runs_pb2

from tests.checker.checker import assert_no_findings
from tests.faults.table.ground import FIRST, IDS_OF_FIRST, SECOND, Ground, ids_of

pytestmark = pytest.mark.wide

BEFORE_THE_LOOK, BEFORE_THE_WRITE = "executor.after_acquire", "executor.before_stage"
BEFORE_THE_PICK = "executor.before_pick"

ADDED = "ADD COLUMN extra string"
WIDENED = "ALTER COLUMN number TYPE bigint"
PARTITIONED = "ADD PARTITION FIELD event_type"
RENAMED = "RENAME COLUMN event_type TO kind"
DROPPED = "DROP COLUMN event_type"
NO_NAMES: Mapping[str, str] = {}


@pytest.mark.parametrize(
    ("change", "point", "renamed"),
    [
        (PARTITIONED, BEFORE_THE_LOOK, NO_NAMES),
        *((change, BEFORE_THE_WRITE, NO_NAMES) for change in (ADDED, WIDENED, PARTITIONED)),
        *((change, BEFORE_THE_PICK, NO_NAMES) for change in (ADDED, WIDENED, PARTITIONED, DROPPED)),
        (RENAMED, BEFORE_THE_PICK, {"event_type": "kind"}),
    ],
)
async def test_rows_are_there_once_when_columns_change(
    ground: Ground, change: str, point: str, renamed: Mapping[str, str]
) -> None:
    loading = replace(await ground.a_loading(FIRST), renamed=dict(renamed))
    await ground.sql(f"ALTER TABLE {loading.sql_name} ADD COLUMN number int")
    changed = ground.moments.at(point, lambda: ground.change(loading, change))

    await loading.loads(SECOND)
    await changed

    assert_no_findings(await loading.findings(FIRST, SECOND))


@pytest.mark.parametrize("change", [RENAMED, DROPPED])
async def test_a_column_that_the_table_has_lost_and_the_files_have_is_there_again(ground: Ground, change: str) -> None:
    loading = await ground.a_loading(FIRST)
    changed = ground.moments.at(BEFORE_THE_LOOK, lambda: ground.change(loading, change))

    await loading.loads(SECOND)
    await changed

    table = await loading.load_table(loading.table)
    assert table is not None
    rows = table.scan(selected_fields=("id", "event_type")).to_arrow()
    assert sorted(rows["id"].to_pylist()) == sorted([*IDS_OF_FIRST, *ids_of(SECOND)])
    assert rows["event_type"].null_count == len(IDS_OF_FIRST)


@pytest.mark.parametrize("change", [RENAMED, DROPPED])
async def test_a_run_says_which_column_its_table_has_lost(ground: Ground, change: str) -> None:
    loading = await ground.a_loading(FIRST)
    changed = ground.moments.at(BEFORE_THE_WRITE, lambda: ground.change(loading, change))
    loading.put(SECOND)

    run = await loading.run()
    await changed

    assert run.state == runs_pb2.Run.STATE_FAILED
    file = await loading.file(SECOND)
    assert file.error.category == errors_pb2.ERROR_CATEGORY_SCHEMA_MISMATCH
    assert "`event_type`" in file.error.message + file.error.cause
    assert await loading.ids() == IDS_OF_FIRST
