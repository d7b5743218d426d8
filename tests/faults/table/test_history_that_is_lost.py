"""What main has forgotten is never loaded on a guess: a person says what became of it, and rows are there once."""

from __future__ import annotations

import pytest
from autoloader.v1 import errors_pb2, runs_pb2

from tests.checker.checker import assert_no_findings
from tests.e2e.lake import CATALOG
from tests.faults.table.ground import FIRST, IDS_OF_FIRST, SECOND, Ground, Loading, Resolution

pytestmark = pytest.mark.wide

TRY_AGAIN = Resolution.RESOLUTION_TRY_AGAIN
PUBLISHED = Resolution.RESOLUTION_PUBLISHED
NOT_PUBLISHED = Resolution.RESOLUTION_NOT_PUBLISHED


async def in_doubt(ground: Ground, loading: Loading) -> runs_pb2.Run:
    """The run of a second file, in doubt since the base of its rows expired while they waited to be published."""

    async def expire() -> None:
        await loading.foreign.append()
        await ground.expire_all_but_head(loading)

    expired = ground.moments.at("executor.before_publish", expire)
    loading.put(SECOND)
    run = await loading.run()
    await expired
    assert run.state == runs_pb2.Run.STATE_FAILED
    return run


async def test_a_run_in_doubt_names_its_file_and_its_rows_outlive_their_branch(ground: Ground) -> None:
    loading = await ground.a_loading(FIRST)

    run = await in_doubt(ground, loading)

    (error,), (lease,) = run.errors, run.leases_in_doubt
    assert error.category == errors_pb2.ERROR_CATEGORY_PUBLISH_IN_DOUBT
    assert (error.file, error.file_count) == ((await loading.file(SECOND)).name, 1)
    assert await loading.ids_of_ours() == IDS_OF_FIRST
    (tag,) = await ground.sql(f"SELECT * FROM {loading.sql_name}.refs WHERE type = 'TAG'")
    assert tag["name"] == f"autoloader_in_doubt_{lease.replace('-', '')}"
    await ground.drop_private_branches(loading)
    await ground.expire_all_but_head(loading)
    assert await ground.sql(f"SELECT 1 FROM {loading.sql_name}.snapshots WHERE snapshot_id = {tag['snapshot_id']}")


async def test_rows_that_a_person_says_are_not_there_are_loaded_once(ground: Ground) -> None:
    loading = await ground.a_loading(FIRST)
    run = await in_doubt(ground, loading)

    await loading.resolve(run, NOT_PUBLISHED)

    assert not (await loading.settled(run)).leases_in_doubt
    assert_no_findings(await loading.findings(FIRST, SECOND))


async def test_rows_that_a_person_published_are_counted_and_not_loaded(ground: Ground) -> None:
    loading = await ground.a_loading(FIRST)
    run = await in_doubt(ground, loading)
    published = await ground.publish_by_hand(loading)

    await loading.resolve(run, PUBLISHED, snapshot_id=published)

    assert not (await loading.settled(run)).leases_in_doubt
    assert_no_findings(await loading.findings(FIRST, SECOND))


async def test_another_look_finds_the_rows_that_a_person_published(ground: Ground) -> None:
    loading = await ground.a_loading(FIRST)
    run = await in_doubt(ground, loading)
    await ground.publish_by_hand(loading)

    await loading.resolve(run, TRY_AGAIN)

    assert not (await loading.settled(run)).leases_in_doubt
    assert_no_findings(await loading.findings(FIRST, SECOND))


async def test_another_look_at_the_same_table_is_in_doubt_again(ground: Ground) -> None:
    loading = await ground.a_loading(FIRST)
    run = await in_doubt(ground, loading)

    await loading.resolve(run, TRY_AGAIN)

    again = await loading.settled(run)
    assert again.leases_in_doubt == run.leases_in_doubt
    assert await loading.ids_of_ours() == IDS_OF_FIRST
    await loading.resolve(again, NOT_PUBLISHED)
    await loading.settled(run)
    assert_no_findings(await loading.findings(FIRST, SECOND))


async def test_a_snapshot_that_is_lost_and_never_was_in_main_is_loaded_again(ground: Ground) -> None:
    loading = await ground.a_loading(FIRST)

    async def lose() -> None:
        (staged,) = await ground.staged(loading)
        await loading.foreign.append()
        await ground.drop_private_branches(loading)
        await ground.sql(
            f"CALL {CATALOG}.system.expire_snapshots(table => '{loading.table}', snapshot_ids => ARRAY({staged}))"
        )

    lost = ground.moments.at("executor.before_publish", lose)
    await loading.loads(SECOND)
    await lost

    assert_no_findings(await loading.findings(FIRST, SECOND))
