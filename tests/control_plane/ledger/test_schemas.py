"""What the ledger remembers of columns: one winner a version, and no change that the policy forbids."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import replace

import pytest
from sqlalchemy import text

from control_plane.domain.ingestion import Column, OnSchemaChange, SchemaPolicy
from control_plane.domain.lease import AcquiredLease
from control_plane.domain.schema import ColumnsInForce, Proposal
from control_plane.errors import InvalidField, LeaseFenced
from control_plane.ledger import ingestions, leases
from tests.control_plane.ledger.steps import Steps, holding, some_files

ID, NAME = Column(name="id", type="int"), Column(name="name", type="string")
WIDE_ID, REGION = Column(name="id", type="bigint"), Column(name="region", type="string")


def columns(*each: Column, base: int = 0, **files: int) -> Proposal:
    return Proposal(columns=each, base_version=base, files=files)


async def held(steps: Steps, *, declared: tuple[Column, ...] = (), **policy: object) -> AcquiredLease:
    """A lease of an ingestion with these columns declared."""
    stored = await steps.create(columns=declared, schema=SchemaPolicy(**policy))  # type: ignore[arg-type]
    await steps.run_again(stored, some_files(2))
    return await steps.held()


async def versions(steps: Steps) -> list[tuple[int, str, list[tuple[str, str, int | None]]]]:
    """Of each version its number, its origin, and kind, path and file of its changes."""
    async with steps.database.transaction() as connection:
        rows = await connection.execute(text("SELECT version, origin, changes FROM schema_versions ORDER BY version"))
        return [
            (version, origin, [(change["kind"], change["path"], change["file_id"]) for change in changes])
            for version, origin, changes in rows
        ]


async def test_the_first_columns_proposed_are_version_1(steps: Steps) -> None:
    lease = await held(steps)
    assert (lease.columns, lease.schema_version) == ((), 0)
    assert await steps.propose(lease, columns(ID)) == ColumnsInForce(columns=(ID,), version=1)
    assert await versions(steps) == [(1, "INFERRED", [])]


async def test_new_columns_are_the_next_version_with_the_files_that_show_them(steps: Steps) -> None:
    lease = await held(steps)
    await steps.propose(lease, columns(ID))
    got = await steps.propose(lease, columns(WIDE_ID, REGION, base=1, region=1))
    assert got == ColumnsInForce(columns=(WIDE_ID, REGION), version=2)
    stored = await versions(steps)
    assert stored[1] == (2, "EVOLVED", [("WIDENED", "id", None), ("ADDED", "region", stored[1][2][1][2])])
    async with steps.database.transaction() as connection:
        orders = await ingestions.get(connection, "default", "orders")
    assert stored[1][2][1][2] == (await steps.files(orders))[1].file_id


async def test_the_next_lease_carries_the_newest_version(steps: Steps) -> None:
    lease = await held(steps)
    await steps.propose(lease, columns(ID))
    await steps.propose(lease, columns(ID, REGION, base=1))
    await steps.release(lease, rest_seconds=0)
    again = await steps.held()
    assert (again.columns, again.schema_version) == ((ID, REGION), 2)


async def test_a_proposal_that_is_repeated_makes_no_second_version(steps: Steps) -> None:
    lease = await held(steps)
    for _ in range(2):
        assert (await steps.propose(lease, columns(ID))).version == 1
    for _ in range(2):
        assert (await steps.propose(lease, columns(ID, REGION, base=1))).version == 2
    assert len(await versions(steps)) == 2


async def test_who_starts_from_an_older_version_gets_the_one_that_holds(steps: Steps) -> None:
    lease = await held(steps)
    await steps.propose(lease, columns(ID))
    await steps.propose(lease, columns(ID, NAME, base=1))
    got = await steps.propose(lease, columns(ID, REGION, base=1))
    assert got == ColumnsInForce(columns=(ID, NAME), version=2)
    assert (await steps.propose(lease, columns(ID, NAME, REGION, base=2))).version == 3


async def test_of_proposals_at_once_one_makes_the_version(steps: Steps) -> None:
    lease = await held(steps)
    await steps.propose(lease, columns(ID))
    async with steps.database.transaction() as connection:
        first = await leases.propose_schema(connection, holding(lease), columns(ID, NAME, base=1))
        second = asyncio.create_task(steps.propose(lease, columns(ID, REGION, base=1)))
        async with asyncio.timeout(10):
            while not await connection.scalar(text("SELECT count(*) FROM pg_sleep(0.02), pg_locks WHERE NOT granted")):
                pass
    assert await second == first == ColumnsInForce(columns=(ID, NAME), version=2)


async def test_an_executor_that_knows_no_versions_gets_the_columns_that_hold(steps: Steps) -> None:
    lease = await held(steps)
    await steps.propose(lease, columns(ID, NAME))
    assert await steps.propose(lease, columns(REGION)) == ColumnsInForce(columns=(ID, NAME), version=1)


async def test_columns_that_a_proposal_lacks_stay_as_they_are_spelled(steps: Steps) -> None:
    lease = await held(steps)
    await steps.propose(lease, columns(ID, NAME))
    got = await steps.propose(lease, columns(Column(name="NAME", type="string"), REGION, base=1))
    assert got.columns == (ID, NAME, REGION)


@pytest.mark.parametrize("policy", [OnSchemaChange.IGNORE, OnSchemaChange.FAIL])
@pytest.mark.parametrize("offered", [(ID, REGION), (WIDE_ID,)])
async def test_files_change_no_columns_where_the_policy_forbids_it(
    steps: Steps, policy: OnSchemaChange, offered: tuple[Column, ...]
) -> None:
    lease = await held(steps, on_schema_change=policy)
    await steps.propose(lease, columns(ID))
    with pytest.raises(InvalidField, match=f"under {policy}"):
        await steps.propose(lease, columns(*offered, base=1))
    assert len(await versions(steps)) == 1


async def test_declared_columns_are_version_1_and_are_not_widened(steps: Steps) -> None:
    lease = await held(steps, declared=(ID,), on_schema_change=OnSchemaChange.APPEND_NEW_COLUMNS)
    assert (lease.columns, lease.schema_version) == ((ID,), 1)
    with pytest.raises(InvalidField, match="`id` cannot be widened: the column is declared or hinted"):
        await steps.propose(lease, columns(WIDE_ID, base=1))
    assert (await steps.propose(lease, columns(ID, REGION, base=1))).columns == (ID, REGION)
    assert [version[:2] for version in await versions(steps)] == [(1, "DECLARED"), (2, "EVOLVED")]


async def test_who_declares_columns_means_those_unless_the_policy_says_more(steps: Steps) -> None:
    lease = await held(steps, declared=(ID,))
    with pytest.raises(InvalidField, match="`region` cannot be added under IGNORE"):
        await steps.propose(lease, columns(ID, REGION, base=1))


async def test_hints_win_over_inference_and_are_not_widened(steps: Steps) -> None:
    lease = await held(steps, hints=(ID, Column(name="Region", type="binary")))
    assert (await steps.propose(lease, columns(WIDE_ID))).columns == (ID,)
    with pytest.raises(InvalidField, match="declared or hinted"):
        await steps.propose(lease, columns(WIDE_ID, base=1))
    got = await steps.propose(lease, columns(ID, REGION, base=1))
    assert got.columns == (ID, Column(name="region", type="binary"))


async def test_a_type_that_does_not_hold_the_former_is_refused(steps: Steps) -> None:
    lease = await held(steps)
    await steps.propose(lease, columns(ID))
    with pytest.raises(InvalidField, match="`id` is int and cannot become string"):
        await steps.propose(lease, columns(Column(name="id", type="string"), base=1))


async def test_a_fenced_executor_makes_no_version(steps: Steps) -> None:
    lease = await held(steps)
    await steps.expire(lease)
    with pytest.raises(LeaseFenced):
        await steps.propose(lease, columns(ID))
    assert await versions(steps) == []


async def test_declaring_other_columns_makes_a_version_and_none_keeps_it(steps: Steps) -> None:
    lease = await held(steps)
    await steps.propose(lease, columns(ID, NAME))
    for declared, expected in [((WIDE_ID, REGION), 2), ((WIDE_ID, REGION), 2), ((), 2), ((WIDE_ID,), 3)]:
        await declare(steps, *declared)
        assert len(await versions(steps)) == expected
    assert [(kind, path) for kind, path, _ in (await versions(steps))[1][2]] == [
        ("WIDENED", "id"),
        ("ADDED", "region"),
        ("DROPPED", "name"),
    ]


async def declare(steps: Steps, *declared: Column) -> None:
    async with steps.database.transaction() as connection:
        stored = await ingestions.get(connection, "default", "orders", lock=True)
        await ingestions.update(connection, stored, replace(stored.ingestion, columns=declared))


async def test_a_hint_to_a_column_of_another_type_comes_too_late(steps: Steps) -> None:
    lease = await held(steps, hints=(ID,))
    await steps.propose(lease, columns(ID, NAME))
    for hint, comes_too_late in ((WIDE_ID, True), (ID, False), (NAME, False), (REGION, False)):
        async with steps.database.transaction(dry_run=True) as connection:
            stored = await ingestions.get(connection, "default", "orders", lock=True)
            hinted = replace(stored.ingestion, schema=SchemaPolicy(hints=(hint,)))
            with pytest.raises(InvalidField, match="since files showed it") if comes_too_late else nullcontext():
                await ingestions.update(connection, stored, hinted)


async def test_an_ingestion_stored_before_there_were_policies_is_read(steps: Steps) -> None:
    await steps.create()
    async with steps.database.transaction() as connection:
        await connection.execute(text("UPDATE ingestions SET config = config - 'schema'"))
        stored = await ingestions.get(connection, "default", "orders")
    assert stored.ingestion.schema == SchemaPolicy()
    assert stored.ingestion.on_schema_change is OnSchemaChange.APPEND_NEW_COLUMNS
