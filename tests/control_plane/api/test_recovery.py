"""The door for what the ledger forgot, over gRPC on a real ledger."""

from __future__ import annotations

import uuid
from typing import Any

import grpc
from autoloader.v1 import errors_pb2, files_pb2, leases_pb2, runs_pb2
from autoloader.v1 import recovery_pb2 as pb

from tests.control_plane.api.conftest import Client
from tests.control_plane.api.refusals import refused
from tests.control_plane.ledger.steps import Steps, a_staging, some_files

PARENT = "ingestions/orders"
MALFORMED = errors_pb2.LoadError(category=errors_pb2.ERROR_CATEGORY_DATA_MALFORMED, message="not JSON")


def a_file(name: str = "a.json") -> leases_pb2.LeasedFile:
    return leases_pb2.LeasedFile(
        uri=f"s3://bucket/{name}", size_bytes=100, etag="e1", modification_time_ns=1_700_000_000_000_000_000
    )


def forgotten(*names: str, snapshot_id: int = 9, **fields: Any) -> pb.ForgottenLease:
    """A lease whose files have 10 rows each."""
    values: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "attempt": str(uuid.uuid4()),
        "staged": leases_pb2.StagedTable(
            table="lake.a.b",
            table_uuid="t",
            base_snapshot_id=1,
            staged_snapshot_id=8,
            records_added=10 * len(names),
        ),
        "published_snapshot_id": snapshot_id,
        "files": [a_file(name) for name in names],
        "records_written": [10 for _ in names],
    }
    return pb.ForgottenLease(**values | fields)


async def restore(client: Client, *leases: pb.ForgottenLease, **fields: Any) -> pb.RestoreLeasesResponse:
    return await client.recovery.RestoreLeases(pb.RestoreLeasesRequest(parent=PARENT, leases=leases, **fields))


async def test_what_was_forgotten_is_shown_by_every_door(client: Client, steps: Steps) -> None:
    await steps.create()
    failed = leases_pb2.FileOutcome(index=1, outcome=leases_pb2.FileOutcome.OUTCOME_FAILED, error=MALFORMED)
    staged = leases_pb2.StagedTable(table="lake.a.b", table_uuid="t", staged_snapshot_id=8, records_added=10)
    lease = forgotten("a", "b", staged=staged, records_written=[10, 0], exceptions=[failed])
    answer = await restore(client, lease)
    assert list(answer.leases) == [
        pb.RestoredLease(id=lease.id, result=pb.RestoredLease.RESULT_RESTORED, files_restored=1)
    ]
    run = await client.runs.GetRun(runs_pb2.GetRunRequest(name=answer.run))
    assert (run.state, run.trigger) == (runs_pb2.Run.STATE_SUCCEEDED, runs_pb2.Run.TRIGGER_RECONCILE)
    assert (run.files_processed, run.files_failed, run.records_written) == (1, 1, 10)
    files = await client.files.ListFiles(files_pb2.ListFilesRequest(parent=PARENT, filter=f'run = "{answer.run}"'))
    assert [(file.state, file.snapshot_id) for file in files.files] == [
        (files_pb2.File.STATE_PROCESSED, 9),
        (files_pb2.File.STATE_FAILED, 0),
    ]
    (known,) = (await client.recovery.ListLeases(pb.ListLeasesRequest(parent=PARENT))).leases
    assert known.end_time.seconds > 0
    known.ClearField("end_time")
    assert known == pb.LedgerLease(
        id=lease.id,
        run=answer.run,
        state=pb.LedgerLease.STATE_PUBLISHED,
        attempt=lease.attempt,
        staged=staged,
        published_snapshot_id=9,
        file_count=2,
        records_written=10,
    )


async def test_a_dry_run_answers_the_same_and_keeps_nothing(client: Client, steps: Steps) -> None:
    await steps.create()
    lease = forgotten("a")
    dry = await restore(client, lease, validate_only=True, request_id="r")
    assert dry.run == ""
    assert not (await client.recovery.ListLeases(pb.ListLeasesRequest(parent=PARENT))).leases
    assert not (await client.runs.ListRuns(runs_pb2.ListRunsRequest(parent=PARENT))).runs
    assert (await restore(client, lease, request_id="r")).leases == dry.leases


async def test_a_repeated_call_answers_as_the_first_and_another_under_its_id_is_refused(
    client: Client, steps: Steps
) -> None:
    await steps.create()
    lease = forgotten("a")
    first = await restore(client, lease, request_id="r")
    assert await restore(client, lease, request_id="r") == first
    afresh = await restore(client, lease)
    assert (afresh.leases[0].result, afresh.run) == (pb.RestoredLease.RESULT_KNOWN, "")
    refusal = await refused(client.recovery.RestoreLeases(_request(forgotten("b"), request_id="r")))
    assert refusal.reason == "REQUEST_ID_REUSED"


async def test_a_contradiction_is_an_answer_with_a_reason(client: Client, steps: Steps) -> None:
    await steps.create()
    await restore(client, forgotten("a"))
    (answer,) = (await restore(client, forgotten("a", snapshot_id=10))).leases
    assert answer.result == pb.RestoredLease.RESULT_REFUSED
    assert "s3://bucket/a is loaded by snapshot 9, and again by 10" in answer.message


async def test_an_unfinished_run_and_an_ingestion_that_is_not_there_are_refused(client: Client, steps: Steps) -> None:
    refusal = await refused(client.recovery.RestoreLeases(_request(forgotten("a"))))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
    run = await steps.open_run(await steps.create())
    refusal = await refused(client.recovery.RestoreLeases(_request(forgotten("a"))))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "RUN_ACTIVE")
    assert refusal.metadata["run"] == f"{PARENT}/runs/{run.run_id}"


async def test_what_cannot_be_is_refused_by_field(client: Client, steps: Steps) -> None:
    await steps.create()
    one = forgotten("a")
    negative = leases_pb2.LeasedFile(uri="s3://bucket/a", size_bytes=-1)
    nameless = leases_pb2.LeasedFile(etag="\0")
    outcome = leases_pb2.FileOutcome(index=0, outcome=leases_pb2.FileOutcome.OUTCOME_FAILED, error=MALFORMED)
    for leases, violated in (
        ([], ["leases"]),
        ([forgotten(f"{n}") for n in range(101)], ["leases"]),
        ([one, forgotten(*(f"{n}" for n in range(10_000)))], ["leases"]),
        ([one, one], ["leases[1].id"]),
        ([one, forgotten("b", id="x")], ["leases[1].id"]),
        ([forgotten("a", attempt="x")], ["leases[0].attempt"]),
        ([forgotten("a", published_snapshot_id=0)], ["leases[0].published_snapshot_id"]),
        ([forgotten("a", records_written=[])], ["leases[0].records_written", "leases[0].records_written"]),
        ([forgotten("a", records_written=[9])], ["leases[0].records_written"]),
        ([forgotten("a", files=[negative])], ["leases[0].files[0].size_bytes"]),
        ([forgotten("a", files=[nameless])], ["leases[0].files[0].uri", "leases[0].files[0].etag"]),
        ([forgotten("a", "a")], ["leases[0].files[1].uri"]),
        ([forgotten("a", exceptions=[outcome])], ["leases[0].exceptions[0].index"]),
    ):
        refusal = await refused(client.recovery.RestoreLeases(_request(*leases)))
        assert list(refusal.violations) == list(dict.fromkeys(violated))
    assert not (await client.recovery.ListLeases(pb.ListLeasesRequest(parent=PARENT))).leases


async def test_one_lease_may_have_as_many_files_as_a_lease_has(client: Client, steps: Steps) -> None:
    await steps.create()
    (answer,) = (await restore(client, forgotten(*(f"{n:05}" for n in range(12_000))))).leases
    assert answer.files_restored == 12_000


async def test_leases_are_listed_in_pages_of_one_ingestion_or_all_and_by_table(client: Client, steps: Steps) -> None:
    for name in ("orders", "others"):
        await steps.create(name)
        for number in range(2):
            leases = [forgotten(f"{number}-{n}", snapshot_id=100 + 10 * number + n) for n in range(2)]
            await client.recovery.RestoreLeases(pb.RestoreLeasesRequest(parent=f"ingestions/{name}", leases=leases))
    elsewhere = forgotten("z", staged=leases_pb2.StagedTable(table="lake.a.c", table_uuid="u", records_added=10))
    await restore(client, elsewhere)
    ours = await listed(client, parent=PARENT, page_size=2)
    assert len(ours) == 5
    assert [lease.run for lease in ours] == sorted(lease.run for lease in ours)
    assert len(await listed(client, parent="ingestions/-", page_size=3)) == 9
    assert [each.id for each in await listed(client, parent="ingestions/-", table_uuid="u")] == [elsewhere.id]
    first = await client.recovery.ListLeases(pb.ListLeasesRequest(parent=PARENT, page_size=1))
    stolen = pb.ListLeasesRequest(parent=PARENT, page_token=first.next_page_token, table_uuid="u")
    assert (await refused(client.recovery.ListLeases(stolen))).reason == "PAGE_TOKEN_INVALID"
    nobody = pb.ListLeasesRequest(parent="ingestions/nobody")
    assert (await refused(client.recovery.ListLeases(nobody))).reason == "NOT_FOUND"
    unreadable = pb.ListLeasesRequest(parent=PARENT, table_uuid="\0")
    assert list((await refused(client.recovery.ListLeases(unreadable))).violations) == ["table_uuid"]


async def test_leases_that_are_staged_or_in_doubt_are_listed_and_others_are_not(client: Client, steps: Steps) -> None:
    await steps.offered(some_files(4), max_files=1)
    staged, doubted, _ = await steps.held(), await steps.held(), await steps.held()
    for lease in (staged, doubted):
        await steps.stage(lease, a_staging(10))
    await steps.doubt(doubted)
    shown = {lease.id: lease for lease in await listed(client, parent=PARENT)}
    assert {id: lease.state for id, lease in shown.items()} == {
        staged.lease_id: pb.LedgerLease.STATE_STAGED,
        doubted.lease_id: pb.LedgerLease.STATE_IN_DOUBT,
    }
    assert (shown[staged.lease_id].published_snapshot_id, shown[staged.lease_id].records_written) == (0, 10)
    assert not shown[staged.lease_id].HasField("end_time")


def _request(*leases: pb.ForgottenLease, **fields: Any) -> pb.RestoreLeasesRequest:
    return pb.RestoreLeasesRequest(parent=PARENT, leases=leases, **fields)


async def listed(client: Client, **fields: Any) -> list[pb.LedgerLease]:
    """All pages."""
    found: list[pb.LedgerLease] = []
    token = ""
    while True:
        page = await client.recovery.ListLeases(pb.ListLeasesRequest(page_token=token, **fields))
        found += page.leases
        token = page.next_page_token
        if not token:
            return found
