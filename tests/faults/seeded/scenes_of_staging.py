"""Scenes of a real table: rows are staged where nobody sees them, and counted one by one."""

from __future__ import annotations

import uuid

import pytest

from executor.errors import AttemptFailed
from executor.lease import Category
from executor.metadata import read_state
from executor.publish import Published
from tests.executor.lake import RECORDS, write_lines
from tests.faults.seeded.ground import Ground, passing


async def two_attempts(ground: Ground) -> None:
    """Each attempt stages on main's head, on a branch of its own, and no reader sees a row."""
    lake, lease = ground.lake(), str(uuid.uuid4())
    lake.load([lake.write("first.json", [{"id": 100, "name": "first"}])])
    head = lake.head()
    staged = [lake.stage([lake.write("ten.json", RECORDS)], lease_id=lease).staged for _ in range(2)]
    state = read_state(lake.sessions.publisher, lake.sql_name)
    assert state is not None and state.head == head
    on_branches = {state.refs[branch] for branch in state.private_branches}
    for one in staged:
        assert one.staged_snapshot_id in on_branches
        assert one.base_snapshot_id == state.snapshots[one.staged_snapshot_id].parent_id == head


async def an_empty_table(ground: Ground) -> None:
    """There is a floor to stand on before there is a row."""
    lake = ground.lake()
    staged = lake.stage([lake.write("ten.json", RECORDS)]).staged
    assert lake.head() == staged.base_snapshot_id


async def rows_that_are_in_main(ground: Ground) -> None:
    """A lease whose rows are in main is not staged again."""
    lake, lease = ground.lake(), str(uuid.uuid4())
    lake.load([lake.write("first.json", [{"id": 100, "name": "first"}])])
    files = [lake.write("ten.json", RECORDS)]
    assert isinstance(lake.publish(lake.stage(files, lease_id=lease).staged, lease_id=lease), Published)
    with pytest.raises(AttemptFailed):
        lake.stage(files, lease_id=lease)


async def a_table_that_is_replaced(ground: Ground) -> None:
    """What could not be staged for a table is not tried on the one that took its place."""
    lake = ground.lake()
    lake.load([lake.write("first.json", [{"id": 100}])])

    def replace(point: str) -> None:
        if point == "executor.before_stage":
            lake.sql("DROP TABLE {t}")
            lake.sql("CREATE TABLE {t} (id bigint) USING iceberg")

    with passing(replace), pytest.raises(AttemptFailed) as failed:
        lake.stage([lake.write("second.json", [{"id": 2}])])
    assert failed.value.failure.category is Category.TABLE_REPLACED
    assert not failed.value.failure.retryable


async def files_of_all_sizes(ground: Ground) -> None:
    """The figures of each file are those of its rows, however long they are."""
    lake = ground.lake()
    files = [
        lake.write("short.json", [{"id": number} for number in range(50)]),
        lake.write("long.json", [{"id": number, "name": "x" * 10_000} for number in range(3)]),
        lake.write("blank.json", ["", *[{"id": number} for number in range(7)], " "]),
    ]
    result = lake.load(files)
    assert result.records_written == (50, 3, 7)


async def a_file_that_changes_while_it_is_read(ground: Ground) -> None:
    """Another version, though as long, is not taken for the one that was listed."""
    lake = ground.lake()
    lake.load([lake.write("first.json", [{"id": 100}])])
    files = [lake.write("steady.json", [{"id": 1}]), lake.write("moving.json", [{"id": 2}])]

    def change(point: str) -> None:
        if point == "executor.after_stage":
            write_lines(lake.folder / "moving.json", [{"id": 3}])

    with passing(change):
        result = lake.load(files)
    assert [(one.index, one.failure.category) for one in result.exceptions] == [(1, Category.FILE_CHANGED)]
    assert lake.ids() == [1, 100]


async def a_file_that_was_empty(ground: Ground) -> None:
    """What was filled since it was listed, or is gone, is not taken for loaded."""
    lake = ground.lake()
    filling, gone = lake.write("filling.json", []), lake.write("gone.json", [])
    write_lines(lake.folder / "filling.json", [{"id": 1}])
    (lake.folder / "gone.json").unlink()
    exceptions = lake.stage([filling, gone]).exceptions
    assert [one.failure.category for one in exceptions] == [Category.FILE_CHANGED, Category.FILE_MISSING]
