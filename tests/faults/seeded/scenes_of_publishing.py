"""Scenes of a real table: whoever publishes must see what became of the rows, and never guess."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from executor import publish as publishing
from executor import spark
from executor.errors import StartRefused
from executor.heartbeat import LeaseLost
from executor.jvm import load_table
from executor.lease import PublishWork, StagedTable
from executor.metadata import TableState, read_state
from executor.publish import InDoubt, Next, NotPublished, Published
from tests.executor.lake import CATALOG, INGESTION, RECORDS, Lake
from tests.faults.seeded.ground import Ground, passing

TEN, OTHERS = list(range(10)), [100, 200]
LEASE = str(uuid.uuid4())
WAIT_SECONDS = 20.0


async def repeated(ground: Ground) -> None:
    """A publication that is made again answers as the first did."""
    lake, staged = _staged_between(ground)
    first, second = lake.publish(staged, lease_id=LEASE), lake.publish(staged, lease_id=LEASE)
    assert isinstance(first, Published) and first == second
    assert lake.ids() == TEN + OTHERS


async def repeated_after_the_staged_snapshot_expired(ground: Ground) -> None:
    """What is left of a publication is enough to find it."""
    lake, staged = _staged_between(ground)
    first = lake.publish(staged, lease_id=LEASE)
    _lose(lake, staged)
    again = lake.publish(staged, lease_id=LEASE)
    assert isinstance(first, Published) and isinstance(again, Published)
    assert again.snapshot_id == first.snapshot_id


async def rolled_back(ground: Ground) -> None:
    """What somebody removed is not put back, however it came in."""
    for lake, staged in (_staged_between(ground), _staged_at_the_head(ground)):
        before = lake.head()
        lake.publish(staged, lease_id=LEASE)
        lake.sql(f"CALL {CATALOG}.system.rollback_to_snapshot('{lake.table}', {before})")
        assert isinstance(lake.publish(staged, lease_id=LEASE), InDoubt)
        assert lake.head() == before


async def forgotten(ground: Ground) -> None:
    """When main has forgotten, nothing is published, though the base is still there, under a tag."""
    lake, staged = _staged_between(ground)
    lake.sql(f"ALTER TABLE {{t}} CREATE TAG kept AS OF VERSION {staged.base_snapshot_id}")
    lake.publish(staged, lease_id=LEASE)
    lake.load([lake.write("later.json", [{"id": 300, "name": "later"}])])
    lake.sql(
        f"CALL {CATALOG}.system.expire_snapshots(table => '{lake.table}', "
        "older_than => TIMESTAMP '2100-01-01 00:00:00', retain_last => 1)"
    )
    assert isinstance(lake.publish(staged, lease_id=LEASE), InDoubt)
    assert lake.ids() == [*TEN, *OTHERS, 300]


async def lost_before_it_was_published(ground: Ground) -> None:
    """A snapshot that provably never was in main is loaded again."""
    lake, staged = _staged_between(ground)
    _lose(lake, staged)
    assert lake.publish(staged, lease_id=LEASE) == NotPublished()


async def another_attempt_in_main(ground: Ground) -> None:
    """Rows of one lease never come in twice, whoever staged them."""
    lake, staged = _staged_between(ground)
    rival = lake.stage([lake.write("ten.json", RECORDS)], lease_id=LEASE).staged
    assert isinstance(lake.publish(staged, lease_id=LEASE), Published)
    assert isinstance(lake.publish(rival, lease_id=LEASE), InDoubt)
    assert lake.ids() == TEN + OTHERS


async def another_table_or_half_of_one(ground: Ground) -> None:
    """A state of another table says nothing of ours, and one that was read while main moved says nothing at all."""
    lake, staged = _staged_between(ground)
    state = _state(lake)
    assert isinstance(publishing.judge(replace(state, id="another"), staged, lease_id=LEASE), InDoubt)
    torn = replace(state, refs={**state.refs, "main": 1})
    assert publishing.judge(torn, staged, lease_id=LEASE) is Next.LOOK_AGAIN


async def answers_lost(ground: Ground) -> None:
    """Only the table can say whether a pick landed whose answer is not known."""
    for point in ("executor.before_pick", "executor.after_pick"):
        lake, staged = _staged_between(ground)
        with passing(_once(point, _break)):
            assert isinstance(lake.publish(staged, lease_id=LEASE), Published)
        assert lake.ids() == TEN + OTHERS


async def two_publishers(ground: Ground) -> None:
    """Two that have looked, and found nothing, publish once."""
    lake, staged = _staged_between(ground)
    both = threading.Barrier(2, timeout=WAIT_SECONDS)

    def wait(point: str) -> None:
        if point == "executor.before_pick" and threading.get_ident() not in waited:
            waited.add(threading.get_ident())
            both.wait()

    waited: set[int] = set()
    with passing(wait), ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda _: lake.publish(staged, lease_id=LEASE), range(2)))
    assert all(isinstance(answer, Published) for answer in answers)
    assert lake.ids() == TEN + OTHERS


async def the_lease_is_lost(ground: Ground) -> None:
    """Who does not hold the lease any more publishes nothing."""
    lake, staged = _staged_between(ground)

    def lose() -> None:
        raise LeaseLost("its time is up")

    with pytest.raises(LeaseLost):
        publishing.publish(
            PublishWork(rows=staged), sessions=lake.sessions, ingestion=INGESTION, lease_id=LEASE, check_held=lose
        )
    assert lake.ids() == OTHERS


async def main_moves_in_another_session(ground: Ground) -> None:
    """A session sees what another has committed."""
    lake, _ = _staged_between(ground)
    other = spark.start(ground.settings).publisher
    assert read_state(other, lake.sql_name) == _state(lake)
    lake.load([lake.write("later.json", [{"id": 300, "name": "later"}])])
    assert read_state(other, lake.sql_name) == _state(lake)


async def a_new_publisher(ground: Ground) -> None:
    """It cannot delete files."""
    lake = ground.lake()
    lake.load([lake.write("first.json", RECORDS)])
    publisher = spark.start(ground.settings).publisher
    properties = load_table(publisher, lake.sql_name).io().properties()
    assert properties.get("s3.delete-enabled") == "false"


async def a_session_that_diverts_writes(ground: Ground) -> None:
    """It is refused."""
    with pytest.raises(StartRefused):
        spark._refuse_danger({"spark.wap.branch": "elsewhere"})


def _staged_between(ground: Ground) -> tuple[Lake, StagedTable]:
    """Ten rows that were staged between two others, so that a pick makes a snapshot of its own."""
    lake, staged = _staged_at_the_head(ground)
    lake.load([lake.write("other.json", [{"id": 200, "name": "other"}])])
    return lake, staged


def _staged_at_the_head(ground: Ground) -> tuple[Lake, StagedTable]:
    lake = ground.lake()
    lake.load([lake.write("first.json", [{"id": 100, "name": "first"}])])
    return lake, lake.stage([lake.write("ten.json", RECORDS)], lease_id=LEASE).staged


def _lose(lake: Lake, staged: StagedTable) -> None:
    for row in lake.sql("SELECT name FROM {t}.refs WHERE name LIKE 'al%'"):
        lake.sql(f"ALTER TABLE {{t}} DROP BRANCH `{row[0]}`")
    lake.sql(
        f"CALL {CATALOG}.system.expire_snapshots(table => '{lake.table}', "
        f"snapshot_ids => ARRAY({staged.staged_snapshot_id}))"
    )


def _state(lake: Lake) -> TableState:
    state = read_state(lake.sessions.publisher, lake.sql_name)
    assert state is not None
    return state


def _once(point: str, act: Callable[[], None]) -> Callable[[str], None]:
    left = [point]

    def hook(name: str) -> None:
        if name in left:
            left.remove(name)
            act()

    return hook


def _break() -> None:
    raise OSError("the connection broke")
