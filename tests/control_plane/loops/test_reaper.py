"""The reaper trusts a silence only after it has been listening for one whole lease."""

from __future__ import annotations

import pytest

from control_plane.errors import LedgerUnavailable
from control_plane.ledger.database import Database
from control_plane.loops.reaper import Reaper
from tests.control_plane.ledger.steps import LEASE_SECONDS, Steps, some_files


class _Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def _reaper(database: Database, clock: _Clock) -> Reaper:
    return Reaper(
        database=database,
        lease_seconds=LEASE_SECONDS,
        listing_seconds=30,
        rest_seconds=60,
        poll_seconds=5,
        clock=clock,
    )


async def _let_the_deadline_pass(steps: Steps) -> None:
    await steps.offered(some_files(1))
    await steps.held()
    async with steps.database.transaction() as connection:
        await connection.exec_driver_sql("UPDATE leases SET deadline = now() - interval '1 second'")


async def _turns(reaper: Reaper, clock: _Clock, seconds: float) -> None:
    for _ in range(int(seconds / 5)):
        clock.now += 5
        await reaper.turn()


async def test_an_expired_lease_is_offered_again(steps: Steps) -> None:
    await _let_the_deadline_pass(steps)
    clock = _Clock()
    reaper = _reaper(steps.database, clock)
    await _turns(reaper, clock, LEASE_SECONDS - 5)
    assert await steps.acquire() is None
    await _turns(reaper, clock, 10)
    again = await steps.acquire()
    assert again and again.fence == 2


async def test_it_waits_one_lease_after_it_slept_itself(steps: Steps) -> None:
    await _let_the_deadline_pass(steps)
    clock = _Clock()
    reaper = _reaper(steps.database, clock)
    clock.now += 10 * LEASE_SECONDS
    await reaper.turn()
    assert await steps.acquire() is None
    await _turns(reaper, clock, LEASE_SECONDS + 5)
    assert await steps.acquire()


async def test_it_waits_one_lease_after_postgres_was_away(steps: Steps) -> None:
    await _let_the_deadline_pass(steps)
    clock = _Clock()
    away = Database("postgresql://nobody@127.0.0.1:1/none")
    reaper = _reaper(away, clock)
    clock.now += 5
    with pytest.raises(LedgerUnavailable):
        await reaper.turn()
    reaper._database = steps.database
    await _turns(reaper, clock, LEASE_SECONDS - 5)
    assert await steps.acquire() is None
    await _turns(reaper, clock, 10)
    assert await steps.acquire()
    await away.close()


async def test_a_set_whose_executor_fell_silent_waits_for_smaller_ones(steps: Steps) -> None:
    stored, _ = await steps.offered(some_files(3))
    await steps.held()
    async with steps.database.transaction() as connection:
        await connection.exec_driver_sql("UPDATE leases SET deadline = now() - interval '1 second'")
    clock = _Clock()
    reaper = _reaper(steps.database, clock)
    await _turns(reaper, clock, LEASE_SECONDS - 5)
    assert await steps.states(stored) == ["LEASED"] * 3
    await _turns(reaper, clock, 10)
    assert await steps.states(stored) == ["PENDING"] * 3
