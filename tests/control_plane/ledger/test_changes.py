"""Changes of columns that wait for a person: files wait with them, and go on by the decision."""

from __future__ import annotations

import asyncio

import pytest

from control_plane.domain.checks_of_table import COLUMNS_MAX
from control_plane.domain.file import LoadError
from control_plane.domain.ingestion import Column, OnSchemaChange, SchemaPolicy, StoredIngestion
from control_plane.domain.lease import AcquiredLease, FileException
from control_plane.domain.schema import Change, ChangeKind, ChangeState, Decision, Proposal, WantedChange
from control_plane.errors import NotFound, WrongState
from control_plane.ledger import rulings
from tests.control_plane.ledger.steps import Steps, a_staging, some_files

MISMATCH = LoadError(category="SCHEMA_MISMATCH", message="The file has `region`, which the columns lack.")
ID, NAME = Column(name="id", type="int"), Column(name="name", type="string")
FAIL = SchemaPolicy(on_schema_change=OnSchemaChange.FAIL)
REGION = Change(kind=ChangeKind.ADDED, path="region", new_type="string")
ZIP = Change(kind=ChangeKind.ADDED, path="zip", new_type="int")
WIDER = Change(kind=ChangeKind.WIDENED, path="id", old_type="int", new_type="bigint")


def wants(change: Change, *files: int) -> WantedChange:
    return WantedChange(change=change, files=files)


async def held(
    steps: Steps, *, files: int = 2, declared: tuple[Column, ...] = ()
) -> tuple[StoredIngestion, AcquiredLease]:
    """A lease whose ingestion loads `id` and lets nothing else in."""
    stored = await steps.create(columns=declared, schema=FAIL)
    await steps.run_again(stored, some_files(files))
    lease = await steps.held()
    if not declared:
        await steps.propose(lease, Proposal(columns=(ID,)))
    return stored, lease


async def stage(steps: Steps, lease: AcquiredLease, *wanted: WantedChange) -> None:
    """Every file that wants a change is failed for it; the others have a row."""
    failed = sorted({index for each in wanted for index in each.files})
    counts = [0 if index in failed else 1 for index in range(len(lease.files))]
    exceptions = [FileException(index=index, outcome="FAILED", error=MISMATCH) for index in failed]
    staging = a_staging(*counts, snapshot_id=77 if sum(counts) else 0, exceptions=exceptions, held_changes=wanted)
    assert await steps.stage(lease, staging)


async def load(steps: Steps, lease: AcquiredLease, *wanted: WantedChange) -> None:
    await stage(steps, lease, *wanted)
    await steps.complete(lease, 88 if len(lease.files) > len({index for each in wanted for index in each.files}) else 0)


async def test_files_wait_with_the_change_that_they_ask_for(steps: Steps) -> None:
    stored = await steps.create(columns=(ID,), schema=FAIL)
    run = await steps.run_again(stored, some_files(2))
    await load(steps, await steps.held(), wants(REGION, 1))
    (change,) = await steps.changes(stored)
    files = await steps.files(stored)
    assert (change.change, change.state, change.file_id, change.file_count) == (
        REGION,
        ChangeState.HELD,
        files[1].file_id,
        1,
    )
    assert [str(file.state) for file in files] == ["PROCESSED", "FAILED"]
    run = await steps.run(run)
    assert [(warning.kind, warning.subject) for warning in run.warnings] == [("SCHEMA_CHANGE_HELD", "region")]
    assert [(each.change, each.state) for each in run.schema_changes] == [(REGION, ChangeState.HELD)]


async def test_an_accepted_change_is_the_next_version_and_its_files_go_on(steps: Steps) -> None:
    stored, lease = await held(steps)
    await load(steps, lease, wants(REGION, 0, 1))
    (change,) = await steps.changes(stored)
    decided = await steps.decide(change.change_id or 0, Decision.ACCEPT)
    assert (decided.state, decided.version, decided.file_count) == (ChangeState.APPLIED, 2, 0)
    assert decided.resolve_time
    assert await steps.states(stored) == ["PENDING", "PENDING"]
    await steps.run_again(stored, some_files(2))
    again = await steps.held()
    assert (again.schema_version, again.columns) == (2, (ID, Column(name="region", type="string")))


async def test_a_rejected_change_is_ignored_from_then_on_and_its_files_go_on(steps: Steps) -> None:
    stored, lease = await held(steps)
    await load(steps, lease, wants(REGION, 0))
    (change,) = await steps.changes(stored)
    decided = await steps.decide(change.change_id or 0, Decision.REJECT)
    assert (decided.state, decided.version) == (ChangeState.REJECTED, None)
    assert await steps.states(stored) == ["PENDING", "PROCESSED"]
    await steps.run_again(stored, some_files(2))
    again = await steps.held()
    assert (again.schema_version, again.columns, again.ignored_fields) == (1, (ID,), ("region",))


async def test_a_file_that_waits_for_two_changes_goes_on_after_both_decisions(steps: Steps) -> None:
    stored, lease = await held(steps)
    await load(steps, lease, wants(REGION, 0, 1), wants(ZIP, 1))
    region, zip_code = await by_path(steps, stored)
    await steps.decide(region, Decision.ACCEPT)
    assert await steps.states(stored) == ["PENDING", "FAILED"]
    await steps.decide(zip_code, Decision.REJECT)
    assert await steps.states(stored) == ["PENDING", "PENDING"]


async def by_path(steps: Steps, stored: StoredIngestion) -> list[int]:
    found = sorted(await steps.changes(stored), key=lambda change: change.change.path)
    return [change.change_id or 0 for change in found]


@pytest.mark.parametrize("decision", Decision)
async def test_there_is_one_decision_a_change(steps: Steps, decision: Decision) -> None:
    stored, lease = await held(steps)
    await load(steps, lease, wants(REGION, 0))
    (change,) = await by_path(steps, stored)
    await steps.decide(change, Decision.REJECT)
    with pytest.raises(WrongState, match="is REJECTED"):
        await steps.decide(change, decision)
    with pytest.raises(NotFound):
        await steps.decide(change + 1, decision)


async def test_leases_that_ask_for_one_change_share_it(steps: Steps) -> None:
    stored = await steps.create(columns=(ID,), schema=FAIL)
    await steps.run_again(stored, some_files(2), max_files=1)
    for change in (REGION, Change(kind=ChangeKind.ADDED, path="Region", new_type="string")):
        await load(steps, await steps.held(), wants(change, 0))
    (change_id,) = await by_path(steps, stored)
    assert [change.file_count for change in await steps.changes(stored)] == [2]
    await steps.decide(change_id, Decision.ACCEPT)
    assert await steps.states(stored) == ["PENDING", "PENDING"]


async def test_a_file_whose_change_is_decided_before_its_lease_ends_waits_no_more(steps: Steps) -> None:
    stored = await steps.create(columns=(ID,), schema=FAIL)
    run = await steps.run_again(stored, some_files(2), max_files=1)
    first, second = await steps.held(), await steps.held()
    await load(steps, first, wants(REGION, 0))
    await stage(steps, second, wants(REGION, 0))
    (change_id,) = await by_path(steps, stored)
    await steps.decide(change_id, Decision.ACCEPT)
    await steps.complete(second, 0)
    assert await steps.states(stored) == ["PENDING", "PENDING"]
    assert (await steps.run(run)).files_failed == 0


async def test_decisions_and_ends_of_leases_at_once_leave_no_file_behind(steps: Steps) -> None:
    stored = await steps.create(columns=(ID,), schema=FAIL)
    await steps.run_again(stored, some_files(6), max_files=1)
    leases = [await steps.held() for _ in range(6)]
    await load(steps, leases[0], wants(REGION, 0))
    for lease in leases[1:]:
        await stage(steps, lease, wants(REGION, 0))
    (change_id,) = await by_path(steps, stored)
    await asyncio.gather(steps.decide(change_id, Decision.ACCEPT), *(steps.complete(lease, 0) for lease in leases[1:]))
    assert await steps.states(stored) == ["PENDING"] * 6


async def test_a_wider_type_is_held_and_accepted_too(steps: Steps) -> None:
    stored, lease = await held(steps)
    await load(steps, lease, wants(WIDER, 0))
    (change,) = await by_path(steps, stored)
    assert (await steps.decide(change, Decision.ACCEPT)).version == 2
    await steps.run_again(stored, some_files(2))
    assert (await steps.held()).columns == (Column(name="id", type="bigint"),)


async def test_a_change_that_the_columns_have_by_now_makes_no_version(steps: Steps) -> None:
    stored, lease = await held(steps)
    wider = Change(kind=ChangeKind.ADDED, path="ZIP", new_type="bigint")
    await load(steps, lease, wants(ZIP, 0), wants(wider, 1))
    ids = {change.change.new_type: change.change_id or 0 for change in await steps.changes(stored)}
    assert (await steps.decide(ids["bigint"], Decision.ACCEPT)).version == 2
    assert (await steps.decide(ids["int"], Decision.ACCEPT)).version == 2


async def test_a_change_that_no_longer_fits_the_columns_can_only_be_rejected(steps: Steps) -> None:
    stored, lease = await held(steps)
    text = Change(kind=ChangeKind.ADDED, path="zip", new_type="string")
    await load(steps, lease, wants(ZIP, 0), wants(text, 1))
    ids = {change.change.new_type: change.change_id or 0 for change in await steps.changes(stored)}
    await steps.decide(ids["int"], Decision.ACCEPT)
    with pytest.raises(WrongState, match="`zip` is int and cannot become string"):
        await steps.decide(ids["string"], Decision.ACCEPT)
    await steps.decide(ids["string"], Decision.REJECT)
    await steps.run_again(stored, some_files(2))
    assert (await steps.held()).ignored_fields == (), "the columns have it"


async def test_a_declared_column_is_not_changed_by_a_decision(steps: Steps) -> None:
    stored, lease = await held(steps, declared=(ID,))
    await load(steps, lease, wants(WIDER, 0))
    (change,) = await by_path(steps, stored)
    with pytest.raises(WrongState, match="declared or hinted"):
        await steps.decide(change, Decision.ACCEPT)


async def test_a_file_that_is_retried_waits_no_more_until_it_is_failed_again(steps: Steps) -> None:
    stored, lease = await held(steps)
    await load(steps, lease, wants(REGION, 0, 1))
    first, _ = await steps.files(stored)
    async with steps.database.transaction() as connection:
        await rulings.take_up(connection, stored.ingestion_id, [first.file_id])
    assert [change.file_count for change in await steps.changes(stored)] == [1]


async def test_a_lease_that_is_staged_anew_asks_anew(steps: Steps) -> None:
    stored, lease = await held(steps)
    await stage(steps, lease, wants(REGION, 0))
    await steps.unstage(lease)
    again = await steps.held()
    await load(steps, again, wants(ZIP, 0))
    assert [change.change for change in await steps.changes(stored)] == [ZIP]


async def test_a_change_beyond_what_the_ledger_keeps_can_only_be_rejected(steps: Steps) -> None:
    declared = tuple(Column(name=f"c{number}", type="int") for number in range(COLUMNS_MAX))
    stored, lease = await held(steps, declared=declared)
    await load(steps, lease, wants(REGION, 0))
    (change,) = await by_path(steps, stored)
    with pytest.raises(WrongState, match="10001 columns"):
        await steps.decide(change, Decision.ACCEPT)
    assert (await steps.decide(change, Decision.REJECT)).state is ChangeState.REJECTED
