"""The door for executors, over gRPC on a real ledger."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import grpc
import pytest
from autoloader.v1 import errors_pb2, ingestions_pb2, runs_pb2
from autoloader.v1 import leases_pb2 as pb
from google.protobuf.duration_pb2 import Duration

from control_plane.api.server import Server
from control_plane.ledger import ingestions
from tests.builders import an_ingestion_message
from tests.control_plane.api.conftest import LEASE_SECONDS, Client
from tests.control_plane.api.refusals import refused
from tests.control_plane.ledger.steps import Steps, some_files

SECRET = "wJalrXUtnFEMI-secret"
MALFORMED = errors_pb2.LoadError(category=errors_pb2.ERROR_CATEGORY_DATA_MALFORMED, message="not JSON\0")
AWAY = errors_pb2.LoadError(category=errors_pb2.ERROR_CATEGORY_CONNECTIVITY, message="away", retryable=True)
STAGED = pb.StagedTable(
    table="lake.sales.orders", table_uuid="t", base_snapshot_id=1, staged_snapshot_id=2, records_added=40
)


def acquire_request(*, wait_seconds: int = 0, request_id: str = "", pool: str = "") -> pb.AcquireLeaseRequest:
    return pb.AcquireLeaseRequest(
        executor="host/1",
        request_id=request_id or str(uuid.uuid4()),
        pool=pool,
        wait=Duration(seconds=wait_seconds),
    )


async def acquired(client: Client, **fields: Any) -> pb.Lease:
    answer = await client.leases.AcquireLease(acquire_request(**fields))
    assert answer.HasField("lease")
    return answer.lease


def holding(lease: pb.Lease) -> dict[str, Any]:
    return {"lease": lease.id, "fence": lease.fence, "attempt": lease.attempt}


async def test_a_lease_names_its_files_and_how_to_read_them(client: Client, steps: Steps) -> None:
    _, run = await steps.offered(some_files(2))
    lease = await acquired(client)
    assert lease.run == f"ingestions/orders/runs/{run.run_id}"
    assert lease.ttl.seconds == LEASE_SECONDS
    assert [file.uri for file in lease.load.files] == ["s3://bucket/0000.json", "s3://bucket/0001.json"]
    assert lease.load.source.uri == "s3://bucket"
    assert lease.load.format.WhichOneof("kind") == "json"
    assert lease.load.destination.table == "a.b"


async def test_the_same_request_id_answers_with_the_same_lease(client: Client, steps: Steps) -> None:
    await steps.offered(some_files(2), max_files=1)
    first = await acquired(client, request_id="r1")
    again = await acquired(client, request_id="r1")
    assert (again.id, again.fence, again.attempt) == (first.id, first.fence, first.attempt)
    assert (await acquired(client, request_id="r2")).id != first.id


async def test_only_the_executor_gets_the_stored_keys(client: Client, steps: Steps) -> None:
    keys = ingestions_pb2.StaticKeys(access_key_id="AKIA", secret_access_key=SECRET, session_token="token")
    message = an_ingestion_message(static_keys=keys)
    message.load.max_attempts = 3
    request = ingestions_pb2.CreateIngestionRequest(ingestion_id="orders", ingestion=message)
    created = await client.ingestions.CreateIngestion(request)
    created.display_name = "Orders"
    await client.ingestions.UpdateIngestion(ingestions_pb2.UpdateIngestionRequest(ingestion=created))
    async with steps.database.transaction() as connection:
        stored = await ingestions.get(connection, "default", "orders")
    await steps.run_again(stored, some_files(1))
    lease = await acquired(client)
    assert lease.load.source.credentials.static_keys == keys


async def test_no_lease_is_an_answer(client: Client) -> None:
    assert not (await client.leases.AcquireLease(acquire_request())).HasField("lease")


async def test_a_lease_that_is_offered_reaches_who_waits_for_it(client: Client, services: Any, steps: Steps) -> None:
    waiting = client.leases.AcquireLease(acquire_request(wait_seconds=30))
    await steps.offered(some_files(1))
    services.wakes.leases_offered.signal()
    async with asyncio.timeout(5):
        assert (await waiting).HasField("lease")


async def test_a_lease_of_another_pool_is_not_handed_out(client: Client, steps: Steps) -> None:
    await steps.offered(some_files(1))
    assert not (await client.leases.AcquireLease(acquire_request(pool="others"))).HasField("lease")


async def test_waiting_ends_with_an_answer_before_the_deadline(client: Client) -> None:
    answer = await client.leases.AcquireLease(acquire_request(wait_seconds=60), timeout=1)
    assert not answer.HasField("lease")


async def test_waiting_ends_with_an_answer_when_the_server_stops(client: Client, server: Server) -> None:
    waiting = client.leases.AcquireLease(acquire_request(wait_seconds=60))
    await client.leases.AcquireLease(acquire_request())
    async with asyncio.timeout(5):
        await server.stop(10)
        assert not (await waiting).HasField("lease")


async def test_a_load_from_acquire_to_complete(client: Client, steps: Steps) -> None:
    stored, run = await steps.offered(some_files(3))
    lease = await acquired(client)
    renewed = await client.leases.RenewLease(pb.RenewLeaseRequest(**holding(lease)))
    assert renewed.directive == pb.RenewLeaseResponse.DIRECTIVE_CONTINUE
    assert renewed.ttl.seconds == LEASE_SECONDS
    stage = pb.StageLeaseRequest(
        **holding(lease),
        staged=STAGED,
        records_written=[10, 0, 30],
        exceptions=[
            pb.FileOutcome(index=1, outcome=pb.FileOutcome.OUTCOME_FAILED, error=MALFORMED, records_rejected=1)
        ],
        warnings=[runs_pb2.RunWarning(kind=runs_pb2.RunWarning.KIND_UNKNOWN_FIELD, subject="zip", record_count=9)],
    )
    for _ in range(2):
        decision = (await client.leases.StageLease(stage)).decision
        assert decision == pb.StageLeaseResponse.DECISION_DECIDED
    complete = pb.CompleteLeaseRequest(
        lease=lease.id, fence=lease.fence, published_snapshot_id=3, branches=[f"al_{lease.attempt}", "main", "al_x"]
    )
    for _ in range(2):
        answer = await client.leases.CompleteLease(complete)
        assert list(answer.droppable_branches) == [f"al_{lease.attempt}"]
    assert await steps.states(stored) == ["PROCESSED", "FAILED", "PROCESSED"]
    shown = await client.runs.GetRun(runs_pb2.GetRunRequest(name=lease.run))
    assert shown.state == runs_pb2.Run.STATE_PARTIALLY_SUCCEEDED
    assert (shown.records_written, shown.records_rejected, shown.files_failed) == (40, 1, 1)
    assert [(warning.subject, warning.record_count) for warning in shown.warnings] == [("zip", 9)]
    assert run.run_id


async def test_a_staged_lease_is_handed_out_to_be_published(client: Client, steps: Steps) -> None:
    await steps.offered(some_files(1))
    lease = await acquired(client)
    stage = pb.StageLeaseRequest(**holding(lease), staged=STAGED, records_written=[40])
    await client.leases.StageLease(stage)
    await client.leases.ReleaseLease(pb.ReleaseLeaseRequest(**holding(lease)))
    publish = await acquired(client)
    assert publish.id == lease.id
    assert publish.fence > lease.fence
    assert publish.publish.staged == STAGED


async def test_a_holder_whose_lease_moved_on_is_told_so(client: Client, steps: Steps) -> None:
    await steps.offered(some_files(1))
    lease = await acquired(client)
    await client.leases.ReleaseLease(pb.ReleaseLeaseRequest(**holding(lease)))
    await acquired(client)
    renewed = await client.leases.RenewLease(pb.RenewLeaseRequest(**holding(lease)))
    assert renewed.directive == pb.RenewLeaseResponse.DIRECTIVE_STOP
    staged = await client.leases.StageLease(pb.StageLeaseRequest(**holding(lease), staged=STAGED, records_written=[40]))
    assert staged.decision == pb.StageLeaseResponse.DECISION_FENCED
    columns = [ingestions_pb2.Column(name="a", type="bigint")]
    outcome = pb.FailLeaseRequest.OUTCOME_NOT_STAGED
    for call in (
        client.leases.ProposeSchema(pb.ProposeSchemaRequest(**holding(lease), columns=columns)),
        client.leases.FailLease(pb.FailLeaseRequest(**holding(lease), outcome=outcome, error=AWAY)),
        client.leases.CompleteLease(pb.CompleteLeaseRequest(lease=lease.id, fence=lease.fence)),
    ):
        refusal = await refused(call)
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.ABORTED, "LEASE_FENCED")


async def test_a_sealed_table_is_refused_with_its_name_and_the_leases(client: Client, steps: Steps) -> None:
    await steps.offered(some_files(2), max_files=1)
    first, second = await acquired(client), await acquired(client)
    assert first.load.verified_snapshot_id == 0
    forgotten = str(uuid.uuid4())
    sealed = pb.StageLeaseRequest(
        **holding(first), staged=STAGED, records_written=[40], leases_in_main=[forgotten, first.id]
    )
    refusal = await refused(client.leases.StageLease(sealed))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "TABLE_SEALED")
    assert refusal.metadata["table"] == "lake.sales.orders"
    assert refusal.metadata["leases"] == f"{forgotten}, {first.id}"
    await client.leases.StageLease(pb.StageLeaseRequest(**holding(second), staged=STAGED, records_written=[40]))
    await client.leases.ReleaseLease(pb.ReleaseLeaseRequest(**holding(first)))
    assert (await acquired(client)).load.verified_snapshot_id == STAGED.base_snapshot_id


async def test_the_first_proposed_schema_holds(client: Client, steps: Steps) -> None:
    await steps.offered(some_files(2), max_files=1)
    first, second = await acquired(client), await acquired(client)
    for lease, type in ((first, "long"), (second, "string")):
        columns = [ingestions_pb2.Column(name="a\nb", type=type)]
        answer = await client.leases.ProposeSchema(pb.ProposeSchemaRequest(**holding(lease), columns=columns))
        assert list(answer.columns) == [ingestions_pb2.Column(name="a\nb", type="bigint")]


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (pb.FailLeaseRequest.OUTCOME_NOT_STAGED, "LEASED"),
        (pb.FailLeaseRequest.OUTCOME_NOT_PUBLISHED, "LEASED"),
        (pb.FailLeaseRequest.OUTCOME_IN_DOUBT, "LEASED"),
    ],
)
async def test_a_failed_lease_keeps_its_files(
    client: Client, steps: Steps, outcome: pb.FailLeaseRequest.Outcome.ValueType, state: str
) -> None:
    stored, _ = await steps.offered(some_files(1))
    lease = await acquired(client)
    if outcome != pb.FailLeaseRequest.OUTCOME_NOT_STAGED:
        await client.leases.StageLease(pb.StageLeaseRequest(**holding(lease), staged=STAGED, records_written=[40]))
    await client.leases.FailLease(pb.FailLeaseRequest(**holding(lease), outcome=outcome, error=AWAY))
    assert await steps.states(stored) == [state]


async def test_what_an_executor_says_wrongly_is_refused_by_field(client: Client, steps: Steps) -> None:
    await steps.offered(some_files(2))
    lease = await acquired(client)

    def stage(**fields: Any) -> Any:
        return client.leases.StageLease(pb.StageLeaseRequest(**holding(lease), staged=STAGED, **fields))

    failed = pb.FileOutcome(index=1, outcome=pb.FileOutcome.OUTCOME_FAILED, error=MALFORMED)
    beyond = pb.FileOutcome(index=2, outcome=pb.FileOutcome.OUTCOME_FAILED, error=MALFORMED)
    unnamed = pb.FileOutcome(index=1, outcome=pb.FileOutcome.OUTCOME_FAILED)
    for call, violated in (
        (stage(records_written=[40]), "records_written"),
        (stage(records_written=[40, 1]), "records_written"),
        (stage(records_written=[41, -1]), "records_written"),
        (stage(records_written=[40, 0], exceptions=[beyond]), "exceptions[0].index"),
        (stage(records_written=[40, 0], exceptions=[failed, failed]), "exceptions[1].index"),
        (stage(records_written=[30, 10], exceptions=[failed]), "exceptions[0].index"),
        (stage(records_written=[40, 0], exceptions=[unnamed]), "exceptions[0].error.category"),
        (stage(records_written=[40, 0], warnings=[runs_pb2.RunWarning()]), "warnings[0].kind"),
        (stage(records_written=[40, 0], leases_in_main=[lease.id, "x"]), "leases_in_main[1]"),
        (client.leases.RenewLease(pb.RenewLeaseRequest(lease="x")), "lease"),
        (client.leases.RenewLease(pb.RenewLeaseRequest(lease=lease.id, attempt="x")), "attempt"),
        (client.leases.ProposeSchema(pb.ProposeSchemaRequest(**holding(lease))), "columns"),
        (client.leases.FailLease(pb.FailLeaseRequest(**holding(lease), error=AWAY)), "outcome"),
        (
            client.leases.FailLease(
                pb.FailLeaseRequest(**holding(lease), outcome=pb.FailLeaseRequest.OUTCOME_IN_DOUBT)
            ),
            "error.category",
        ),
        (client.leases.CompleteLease(pb.CompleteLeaseRequest(lease=lease.id, branches=["b"] * 201)), "branches"),
        (client.leases.AcquireLease(pb.AcquireLeaseRequest(executor="e")), "request_id"),
    ):
        assert list((await refused(call)).violations) == [violated]


async def test_an_unknown_lease_has_moved_on(client: Client) -> None:
    lease = pb.Lease(id=str(uuid.uuid4()), fence=1, attempt=str(uuid.uuid4()))
    renewed = await client.leases.RenewLease(pb.RenewLeaseRequest(**holding(lease)))
    assert renewed.directive == pb.RenewLeaseResponse.DIRECTIVE_STOP
