"""Publishing: once, whoever repeats it; and never when the table may have forgotten."""

from __future__ import annotations

import dataclasses
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pyspark.sql import SparkSession

from executor import publish as publishing
from executor.lease import Category, PublishWork, StagedTable
from executor.publish import InDoubt, NotPublished, Published
from tests.executor.lake import CATALOG, RECORDS, Lake


@pytest.fixture
def lease_id() -> str:
    return str(uuid.uuid4())


@pytest.fixture
def staged(lake: Lake, lease_id: str) -> StagedTable:
    """Ten rows staged after ten others were published, so that a pick makes a snapshot of its own."""
    lake.load([lake.write("first.json", [{"id": 100, "name": "first"}])])
    staged = lake.stage([lake.write("ten.json", RECORDS)], lease_id=lease_id).staged
    lake.load([lake.write("other.json", [{"id": 200, "name": "other"}])])
    return staged


TEN = list(range(10))
OTHERS = [100, 200]


def test_staged_rows_are_invisible_until_they_are_published(lake: Lake, staged: StagedTable, lease_id: str) -> None:
    assert lake.ids() == OTHERS
    assert isinstance(lake.publish(staged, lease_id=lease_id), Published)
    assert lake.ids() == TEN + OTHERS


def test_publishing_again_is_harmless_and_answers_the_same(lake: Lake, staged: StagedTable, lease_id: str) -> None:
    first = lake.publish(staged, lease_id=lease_id)
    lake.load([lake.write("later.json", [{"id": 300, "name": "later"}])])
    second = lake.publish(staged, lease_id=lease_id)
    assert isinstance(first, Published) and isinstance(second, Published)
    assert second.snapshot_id == first.snapshot_id != staged.staged_snapshot_id
    assert lake.ids() == [*TEN, *OTHERS, 300]


def test_two_publishers_at_once_publish_once(lake: Lake, staged: StagedTable, lease_id: str) -> None:
    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda _: lake.publish(staged, lease_id=lease_id), range(4)))
    assert len({answer.snapshot_id for answer in answers if isinstance(answer, Published)}) == 1
    assert all(isinstance(answer, Published) for answer in answers)
    assert lake.ids() == TEN + OTHERS


def test_a_fast_forwarded_snapshot_is_found_as_itself(lake: Lake, lease_id: str) -> None:
    staged = lake.stage([lake.write("ten.json", RECORDS)], lease_id=lease_id).staged
    for _ in range(2):
        answer = lake.publish(staged, lease_id=lease_id)
        assert isinstance(answer, Published)
        assert answer.snapshot_id == staged.staged_snapshot_id
    assert lake.ids() == TEN


def test_private_branches_are_named_to_those_who_drop_them(lake: Lake, staged: StagedTable, lease_id: str) -> None:
    answer = lake.publish(staged, lease_id=lease_id)
    assert isinstance(answer, Published)
    assert len(answer.branches) == 3
    publishing.drop_branches(lake.table, [*answer.branches, "main"], sessions=lake.sessions)
    assert [row[0] for row in lake.sql("SELECT name FROM {t}.refs")] == ["main"]
    assert lake.ids() == TEN + OTHERS


def test_nothing_staged_is_published_without_a_look(lake: Lake, lease_id: str) -> None:
    assert lake.publish(StagedTable(table=lake.table), lease_id=lease_id) == Published(snapshot_id=0)


def _category(answer: object) -> Category | None:
    return answer.failure.category if isinstance(answer, InDoubt) else None


def test_a_dropped_table_is_in_doubt(lake: Lake, staged: StagedTable, lease_id: str) -> None:
    lake.sql("DROP TABLE {t}")
    assert _category(lake.publish(staged, lease_id=lease_id)) is Category.PUBLISH_IN_DOUBT
    publishing.keep_for_person(PublishWork(rows=staged), sessions=lake.sessions, lease_id=lease_id)


def test_a_table_created_again_is_in_doubt(lake: Lake, staged: StagedTable, lease_id: str) -> None:
    lake.sql("DROP TABLE {t}")
    lake.load([lake.write("new.json", [{"id": 1, "name": "new"}])])
    answer = lake.publish(staged, lease_id=lease_id)
    assert isinstance(answer, InDoubt) and "created again" in answer.failure.message
    assert lake.ids() == [1]


def test_a_rollback_of_main_is_in_doubt(lake: Lake, staged: StagedTable, lease_id: str) -> None:
    before = lake.head()
    lake.publish(staged, lease_id=lease_id)
    lake.sql(f"CALL {CATALOG}.system.rollback_to_snapshot('{lake.table}', {before})")
    answer = lake.publish(staged, lease_id=lease_id)
    assert isinstance(answer, InDoubt) and "removed" in answer.failure.message
    assert lake.ids() == OTHERS


def test_a_rollback_of_a_fast_forwarded_snapshot_is_in_doubt(lake: Lake, lease_id: str) -> None:
    staged = lake.stage([lake.write("ten.json", RECORDS)], lease_id=lease_id).staged
    lake.publish(staged, lease_id=lease_id)
    lake.sql(f"CALL {CATALOG}.system.rollback_to_snapshot('{lake.table}', {staged.base_snapshot_id})")
    assert _category(lake.publish(staged, lease_id=lease_id)) is Category.PUBLISH_IN_DOUBT
    assert lake.ids() == []


def test_a_replaced_table_is_in_doubt(lake: Lake, staged: StagedTable, lease_id: str) -> None:
    lake.publish(staged, lease_id=lease_id)
    lake.sql("CREATE OR REPLACE TABLE {t} USING iceberg AS SELECT * FROM {t}")
    lake.sql(f"ALTER TABLE {{t}} CREATE TAG kept AS OF VERSION {staged.base_snapshot_id}")
    _forget_all_but_main(lake)
    answer = lake.publish(staged, lease_id=lease_id)
    assert isinstance(answer, InDoubt)
    assert lake.ids() == TEN + OTHERS


def _forget_all_but_main(lake: Lake) -> None:
    for row in lake.sql("SELECT name FROM {t}.refs WHERE name LIKE 'al%'"):
        lake.sql(f"ALTER TABLE {{t}} DROP BRANCH `{row[0]}`")
    lake.sql(
        f"CALL {CATALOG}.system.expire_snapshots(table => '{lake.table}', "
        "older_than => TIMESTAMP '2100-01-01', retain_last => 1)"
    )


def test_a_main_that_lost_its_floor_is_in_doubt(lake: Lake, staged: StagedTable, lease_id: str) -> None:
    _forget_all_but_main(lake)
    answer = lake.publish(staged, lease_id=lease_id)
    assert isinstance(answer, InDoubt) and "descends" in answer.failure.message
    assert lake.ids() == OTHERS


def test_a_lost_snapshot_that_never_was_in_main_is_not_published(
    lake: Lake, staged: StagedTable, lease_id: str
) -> None:
    for row in lake.sql("SELECT name FROM {t}.refs WHERE name LIKE 'al%'"):
        lake.sql(f"ALTER TABLE {{t}} DROP BRANCH `{row[0]}`")
    lake.sql(
        f"CALL {CATALOG}.system.expire_snapshots(table => '{lake.table}', "
        f"snapshot_ids => ARRAY({staged.staged_snapshot_id}))"
    )
    assert lake.publish(staged, lease_id=lease_id) == NotPublished()
    assert lake.ids() == OTHERS


def test_another_attempt_of_the_lease_in_main_is_in_doubt(lake: Lake, staged: StagedTable, lease_id: str) -> None:
    lake.publish(staged, lease_id=lease_id)
    rival = dataclasses.replace(staged, staged_snapshot_id=staged.staged_snapshot_id + 1)
    answer = lake.publish(rival, lease_id=lease_id)
    assert isinstance(answer, InDoubt) and "another attempt" in answer.failure.message


def test_a_person_finds_the_snapshot_in_doubt_under_a_tag(lake: Lake, staged: StagedTable, lease_id: str) -> None:
    publishing.keep_for_person(PublishWork(rows=staged), sessions=lake.sessions, lease_id=lease_id)
    publishing.keep_for_person(PublishWork(rows=staged), sessions=lake.sessions, lease_id=lease_id)
    (tag,) = lake.sql("SELECT * FROM {t}.refs WHERE type = 'TAG'")
    assert tag["snapshot_id"] == staged.staged_snapshot_id
    assert tag["max_reference_age_in_ms"] is None


def test_only_the_publisher_cannot_delete_files(lake: Lake, staged: StagedTable, lease_id: str) -> None:
    lake.publish(staged, lease_id=lease_id)
    settings = [_catalog_settings(session, lake) for session in (lake.sessions.publisher, lake.sessions.loader)]
    assert [one.get("s3.delete-enabled") for one in settings] == ["false", None]
    assert [one.get("cache-enabled") for one in settings] == ["false", "false"]


def _catalog_settings(session: SparkSession, lake: Lake) -> dict[str, str]:
    """The settings that the session's catalog was made with, not those that the session has now."""
    opened: Any = session
    table = opened._jvm.org.apache.iceberg.spark.Spark3Util.loadIcebergTable(opened._jsparkSession, lake.sql_name)
    return dict(table.io().properties())
