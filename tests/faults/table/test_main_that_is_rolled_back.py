"""What somebody took out of main by hand is never put back by itself."""

from __future__ import annotations

import pytest
from autoloader.v1 import files_pb2, runs_pb2

from tests.checker.checker import assert_no_findings
from tests.checker.findings import Invariant
from tests.e2e.lake import CATALOG
from tests.faults.table.ground import FIRST, IDS_OF_FIRST, SECOND, Ground, Loading, Resolution

pytestmark = pytest.mark.wide

NOT_PUBLISHED = Resolution.RESOLUTION_NOT_PUBLISHED


async def roll_back(ground: Ground, loading: Loading, *, head: int) -> None:
    await ground.sql(f"CALL {CATALOG}.system.rollback_to_snapshot('{loading.table}', {head})")


async def test_rows_that_were_rolled_back_after_their_run_stay_away_and_an_audit_says_so(ground: Ground) -> None:
    loading = await ground.a_loading(FIRST)
    before = await ground.head(loading)
    await loading.loads(SECOND)
    assert not (await ground.auditor.audit(loading.ingestion)).differ

    await roll_back(ground, loading, head=before)

    assert (await loading.run()).state == runs_pb2.Run.STATE_SUCCEEDED
    assert await loading.ids_of_ours() == IDS_OF_FIRST
    assert (await loading.file(SECOND)).state == files_pb2.File.STATE_PROCESSED
    audited = await ground.auditor.audit(loading.ingestion)
    assert audited.differ and "is not in main, which was rolled back" in audited.told
    assert {finding.invariant for finding in await loading.findings(FIRST, SECOND)} == {
        Invariant.ROWS_ONCE,
        Invariant.LEDGER_TELLS_TRUTH,
        Invariant.FIGURES_EQUAL,
    }


@pytest.mark.parametrize("point", ["executor.after_pick", "executor.before_complete"])
async def test_rows_that_are_rolled_back_before_the_ledger_knows_are_in_doubt(ground: Ground, point: str) -> None:
    loading = await ground.a_loading(FIRST)
    before = await ground.head(loading)

    async def take_out() -> str:
        await roll_back(ground, loading, head=before)
        # Whoever takes the lease over looks again.
        return "raise"

    taken_out = ground.moments.at(point, take_out)
    loading.put(SECOND)
    run = await loading.run()
    await taken_out

    assert run.state == runs_pb2.Run.STATE_FAILED
    assert len(run.leases_in_doubt) == 1
    assert await loading.ids_of_ours() == IDS_OF_FIRST
    await loading.resolve(run, NOT_PUBLISHED)
    await loading.settled(run)
    assert_no_findings(await loading.findings(FIRST, SECOND))
