"""What our protocol prevents is seen where it is not followed: an executor that appends to main loads rows twice."""

from __future__ import annotations

import pytest

from tests.checker.findings import Invariant
from tests.faults.table.ground import FIRST, HONEST, PLAIN, SECOND, Ground

pytestmark = pytest.mark.wide

# The rows are written, and the ledger does not know it.
POINT = "executor.before_decision"


@pytest.mark.parametrize(
    ("pool", "violated"),
    [
        (HONEST, set()),
        (PLAIN, {Invariant.ROWS_ONCE, Invariant.LEASE_ONCE, Invariant.LEDGER_TELLS_TRUTH, Invariant.FIGURES_EQUAL}),
    ],
)
async def test_an_executor_that_dies_after_its_write_loads_rows_twice_if_it_appends_to_main(
    ground: Ground, pool: str, violated: set[Invariant]
) -> None:
    loading, executor = await ground.a_loading(FIRST, pool=pool), ground.executors[pool]

    async def die() -> str:
        return "kill"

    died = ground.moments.at(POINT, die)
    loading.put(SECOND)
    run = await loading.start()
    await died
    await executor.ended()
    await executor.start()
    await loading.rested(run)

    assert {finding.invariant for finding in await loading.findings(FIRST, SECOND)} == violated
