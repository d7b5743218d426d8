"""Leases that keep records aside, over gRPC on a real ledger: both tables are decided and completed as one."""

from __future__ import annotations

import uuid
from typing import Any

import grpc
import pytest
from autoloader.v1 import files_pb2, ingestions_pb2, recovery_pb2, runs_pb2
from autoloader.v1 import leases_pb2 as pb

from tests.builders import an_ingestion_message
from tests.control_plane.api.conftest import Client
from tests.control_plane.api.refusals import refused
from tests.control_plane.api.test_leases import AWAY, STAGED, acquired, holding
from tests.control_plane.ledger.steps import Steps, some_files

KEEP_ASIDE = ingestions_pb2.LoadPolicy.ON_BAD_RECORD_KEEP_ASIDE
REJECTS = pb.StagedTable(
    table="lake.sales.orders__rejects", table_uuid="r", base_snapshot_id=5, staged_snapshot_id=6, records_added=3
)


def staging(lease: pb.Lease, *, records: tuple[int, ...] = (3, 0), **fields: Any) -> pb.StageLeaseRequest:
    told: dict[str, Any] = {
        "staged": STAGED,
        "records_written": [30, 10],
        "rejects": pb.Rejects(staged=REJECTS, records=records),
    }
    return pb.StageLeaseRequest(**holding(lease), **(told | fields))


async def test_the_policy_is_kept_and_handed_to_executors(client: Client) -> None:
    message = an_ingestion_message()
    message.load.on_bad_record = KEEP_ASIDE
    created = await client.ingestions.CreateIngestion(
        ingestions_pb2.CreateIngestionRequest(ingestion_id="keeps", ingestion=message)
    )
    assert created.load.on_bad_record == KEEP_ASIDE
    found = await client.ingestions.GetIngestion(ingestions_pb2.GetIngestionRequest(name=created.name))
    assert found.load.on_bad_record == KEEP_ASIDE
    message.load.on_bad_record = 77  # type: ignore[assignment]
    request = ingestions_pb2.CreateIngestionRequest(ingestion_id="other", ingestion=message)
    refusal = await refused(client.ingestions.CreateIngestion(request))
    assert list(refusal.violations) == ["ingestion.load.on_bad_record"]


async def test_a_lease_says_what_becomes_of_bad_records_though_nobody_chose(client: Client, steps: Steps) -> None:
    await steps.offered(some_files(1))
    assert (await acquired(client)).load.on_bad_record == ingestions_pb2.LoadPolicy.ON_BAD_RECORD_FAIL_FILE


async def test_what_is_kept_aside_is_counted_by_file_and_run(client: Client, steps: Steps) -> None:
    await steps.offered(some_files(2))
    lease = await acquired(client)
    for _ in range(2):
        decision = (await client.leases.StageLease(staging(lease))).decision
        assert decision == pb.StageLeaseResponse.DECISION_DECIDED
    complete = pb.CompleteLeaseRequest(
        lease=lease.id, fence=lease.fence, published_snapshot_id=3, published_rejects_snapshot_id=7
    )
    for _ in range(2):
        await client.leases.CompleteLease(complete)

    run = await client.runs.GetRun(runs_pb2.GetRunRequest(name=lease.run))
    assert (run.state, run.records_written, run.records_rejected) == (runs_pb2.Run.STATE_SUCCEEDED, 40, 3)
    files = (await client.files.ListFiles(files_pb2.ListFilesRequest(parent="ingestions/orders"))).files
    assert [(file.records_written, file.records_rejected) for file in files] == [(30, 3), (10, 0)]
    (known,) = (await client.recovery.ListLeases(recovery_pb2.ListLeasesRequest(parent="ingestions/orders"))).leases
    assert (known.rejects, known.published_rejects_snapshot_id) == (REJECTS, 7)
    by_table = recovery_pb2.ListLeasesRequest(parent="ingestions/-", table_uuid="r")
    assert [lease.id for lease in (await client.recovery.ListLeases(by_table)).leases] == [known.id]


async def test_who_publishes_for_another_publishes_both(client: Client, steps: Steps) -> None:
    await steps.offered(some_files(2))
    lease = await acquired(client)
    await client.leases.StageLease(staging(lease))
    await client.leases.ReleaseLease(pb.ReleaseLeaseRequest(**holding(lease)))
    publish = (await acquired(client)).publish
    assert (publish.staged, publish.rejects) == (STAGED, REJECTS)


async def test_who_does_not_publish_what_is_kept_aside_does_not_complete(client: Client, steps: Steps) -> None:
    await steps.offered(some_files(2))
    lease = await acquired(client)
    await client.leases.StageLease(staging(lease))
    complete = pb.CompleteLeaseRequest(lease=lease.id, fence=lease.fence, published_snapshot_id=3)
    refusal = await refused(client.leases.CompleteLease(complete))
    assert refusal.code == grpc.StatusCode.INVALID_ARGUMENT
    assert list(refusal.violations) == ["published_rejects_snapshot_id"]
    run = await client.runs.GetRun(runs_pb2.GetRunRequest(name=lease.run))
    assert run.files_processed == 0


async def test_a_snapshot_that_is_lost_takes_what_is_kept_aside_with_it(client: Client, steps: Steps) -> None:
    await steps.offered(some_files(2))
    lease = await acquired(client)
    await client.leases.StageLease(staging(lease))
    lost = pb.FailLeaseRequest(**holding(lease), outcome=pb.FailLeaseRequest.OUTCOME_NOT_PUBLISHED, error=AWAY)
    await client.leases.FailLease(lost)
    again = await acquired(client)
    assert again.HasField("load")
    request = pb.StageLeaseRequest(**holding(again), staged=STAGED, records_written=[30, 10])
    await client.leases.StageLease(request)
    await client.leases.CompleteLease(
        pb.CompleteLeaseRequest(lease=again.id, fence=again.fence, published_snapshot_id=3)
    )
    run = await client.runs.GetRun(runs_pb2.GetRunRequest(name=lease.run))
    assert (run.records_written, run.records_rejected) == (40, 0)


@pytest.mark.parametrize(
    ("rejects", "field"),
    [
        (pb.Rejects(staged=REJECTS, records=[3]), "rejects.records"),
        (pb.Rejects(staged=REJECTS, records=[1, 1]), "rejects.records"),
        (pb.Rejects(staged=REJECTS, records=[4, -1]), "rejects.records"),
        (pb.Rejects(records=[3, 0]), "rejects.staged"),
    ],
)
async def test_wrong_counts_are_refused(client: Client, steps: Steps, rejects: pb.Rejects, field: str) -> None:
    await steps.offered(some_files(2))
    lease = await acquired(client)
    refusal = await refused(client.leases.StageLease(staging(lease, rejects=rejects)))
    assert list(refusal.violations) == [field]


async def test_nothing_is_kept_aside_of_a_file_that_is_not_loaded(client: Client, steps: Steps) -> None:
    await steps.offered(some_files(2))
    lease = await acquired(client)
    request = staging(lease, records=(2, 1), records_written=[40, 0])
    assert list((await refused(client.leases.StageLease(request))).violations) == ["rejects.records[1]"]


async def test_a_lease_that_was_forgotten_comes_back_with_what_it_kept_aside(client: Client, steps: Steps) -> None:
    stored = await steps.create()
    assert stored.ingestion.id == "orders"
    forgotten = recovery_pb2.ForgottenLease(
        id=str(uuid.uuid4()),
        attempt=str(uuid.uuid4()),
        staged=STAGED,
        published_snapshot_id=3,
        files=[pb.LeasedFile(uri=f"s3://bucket/{name}", size_bytes=9, etag=name) for name in ("a", "b")],
        records_written=[30, 10],
        rejects=pb.Rejects(staged=REJECTS, records=[3, 0]),
        published_rejects_snapshot_id=7,
    )
    request = recovery_pb2.RestoreLeasesRequest(parent="ingestions/orders", leases=[forgotten])
    (restored,) = (await client.recovery.RestoreLeases(request)).leases
    assert restored.result == recovery_pb2.RestoredLease.RESULT_RESTORED
    files = (await client.files.ListFiles(files_pb2.ListFilesRequest(parent="ingestions/orders"))).files
    assert [(file.records_written, file.records_rejected) for file in files] == [(30, 3), (10, 0)]
    (known,) = (await client.recovery.ListLeases(recovery_pb2.ListLeasesRequest(parent="ingestions/orders"))).leases
    assert (known.rejects, known.published_rejects_snapshot_id) == (REJECTS, 7)
    forgotten.rejects.records[0] = 2
    forgotten.id = str(uuid.uuid4())
    request = recovery_pb2.RestoreLeasesRequest(parent="ingestions/orders", leases=[forgotten])
    refusal = await refused(client.recovery.RestoreLeases(request))
    assert list(refusal.violations) == ["leases[0].rejects.records"]
