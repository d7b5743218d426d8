"""A table takes nothing while it has rows that the ledger does not know, nor of a run that began with another."""

from __future__ import annotations

import uuid

import pytest

from control_plane.domain.lease import AcquiredLease
from control_plane.errors import TableReplaced, TableSealed
from tests.control_plane.ledger.steps import Steps, a_file, a_staging, some_files

STRANGER = str(uuid.uuid4())


async def published(steps: Steps, snapshot_id: int = 88) -> AcquiredLease:
    """The next lease, staged and in main."""
    lease = await steps.held()
    assert await steps.stage(lease, a_staging(10))
    await steps.complete(lease, snapshot_id)
    return lease


async def test_a_lease_that_the_ledger_forgot_seals_the_table(steps: Steps) -> None:
    stored, _ = await steps.offered(some_files(2), max_files=1)
    known = await published(steps)
    lease = await steps.held()
    with pytest.raises(TableSealed, match="autoloader reconcile orders") as refused:
        await steps.stage(lease, a_staging(10, leases_in_main=[known.lease_id, STRANGER]))
    assert refused.value.metadata == {"table": "lake.a.b", "ingestion": "ingestions/orders", "leases": STRANGER}
    assert sorted(await steps.states(stored)) == ["LEASED", "PROCESSED"]
    assert await steps.stage(lease, a_staging(10, leases_in_main=[known.lease_id]))


async def test_a_few_of_the_forgotten_leases_are_named_in_the_order_of_the_table(steps: Steps) -> None:
    await steps.offered(some_files(1))
    lease = await steps.held()
    strangers = [str(uuid.uuid4()) for _ in range(9)]
    with pytest.raises(TableSealed) as refused:
        await steps.stage(lease, a_staging(10, leases_in_main=strangers))
    assert refused.value.metadata["leases"] == ", ".join(strangers[:5])


async def test_what_is_staged_or_in_doubt_is_known(steps: Steps) -> None:
    await steps.offered(some_files(3), max_files=1)
    staged, doubted, lease = await steps.held(), await steps.held(), await steps.held()
    for each in (staged, doubted):
        assert await steps.stage(each, a_staging(10))
    await steps.doubt(doubted)
    assert await steps.stage(lease, a_staging(10, leases_in_main=[staged.lease_id, doubted.lease_id]))


async def test_what_was_never_decided_seals_the_table_too(steps: Steps) -> None:
    stored, run = await steps.offered(some_files(2), max_files=1)
    held = await steps.held()
    lease = await steps.held()
    for in_main in (held, lease):
        with pytest.raises(TableSealed):
            await steps.stage(lease, a_staging(10, leases_in_main=[in_main.lease_id]))
    await steps.cancel(run)
    await steps.run_again(stored, some_files(2), max_files=1)
    with pytest.raises(TableSealed):
        await steps.stage(await steps.held(), a_staging(10, leases_in_main=[held.lease_id]))


async def test_one_that_lost_its_lease_is_fenced_and_not_concerned_by_a_seal(steps: Steps) -> None:
    await steps.offered(some_files(1))
    zombie = await steps.held()
    await steps.expire(zombie)
    await steps.held()
    assert not await steps.stage(zombie, a_staging(10, leases_in_main=[STRANGER]))


async def test_a_decision_stands_whatever_came_into_the_table_after_it(steps: Steps) -> None:
    await steps.offered(some_files(1))
    lease = await steps.held()
    assert await steps.stage(lease, a_staging(10))
    assert await steps.stage(lease, a_staging(10, leases_in_main=[STRANGER]))


async def test_the_next_lease_looks_back_to_the_head_that_was_verified_last(steps: Steps) -> None:
    stored, _ = await steps.offered([a_file(f"{number}.json") for number in range(5)], max_files=1)
    first, second, sealed = await steps.held(), await steps.held(), await steps.held()
    assert first.verified_snapshot_id == second.verified_snapshot_id == 0
    assert await steps.stage(first, a_staging(10, base_snapshot_id=21))
    assert await steps.stage(second, a_staging(10, base_snapshot_id=22))
    with pytest.raises(TableSealed):
        await steps.stage(sealed, a_staging(10, base_snapshot_id=23, leases_in_main=[STRANGER]))
    empty = await steps.held()
    assert empty.verified_snapshot_id == 22
    assert await steps.stage(empty, a_staging(0, snapshot_id=0, base_snapshot_id=0))
    last = await steps.held()
    assert last.verified_snapshot_id == 22
    assert stored.ingestion.destination.table == "a.b"


async def test_a_table_that_was_replaced_in_the_middle_of_a_run_takes_nothing_of_it_but_of_the_next(
    steps: Steps,
) -> None:
    stored, run = await steps.offered(some_files(2), max_files=1)
    await published(steps)
    lease = await steps.held()
    with pytest.raises(TableReplaced, match="dropped and created again") as refused:
        await steps.stage(lease, a_staging(10, table_uuid="another"))
    assert refused.value.metadata == {
        "table": "lake.a.b",
        "ingestion": "ingestions/orders",
        "table_uuid": "another",
        "former_table_uuid": "t",
    }
    await steps.cancel(run)
    await steps.run_again(stored, some_files(2), max_files=1)
    assert await steps.stage(await steps.held(), a_staging(10, table_uuid="another"))


async def test_a_lease_without_rows_says_nothing_of_the_table(steps: Steps) -> None:
    await steps.offered(some_files(4), max_files=1)
    for uuid_then in ("", "t", "", "t"):
        assert await steps.stage(await steps.held(), a_staging(0, table_uuid=uuid_then))


async def test_a_lease_that_is_staged_again_may_be_for_another_table(steps: Steps) -> None:
    await steps.offered(some_files(1))
    lease = await steps.held()
    await steps.stage(lease, a_staging(10))
    await steps.unstage(lease)
    assert await steps.stage(await steps.held(), a_staging(10, table_uuid="another"))


async def test_one_that_lost_its_lease_is_fenced_though_the_table_was_replaced(steps: Steps) -> None:
    await steps.offered(some_files(2), max_files=1)
    await published(steps)
    zombie = await steps.held()
    await steps.expire(zombie)
    await steps.held()
    assert not await steps.stage(zombie, a_staging(10, table_uuid="another"))
