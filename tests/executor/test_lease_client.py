"""The lease client against a scripted control plane: what it says, repeats and gives up on."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import grpc
import pytest
from autoloader.v1 import errors_pb2, ingestions_pb2, leases_pb2
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo

from executor.credentials import KeyRing
from executor.errors import AttemptFailed
from executor.lease import Category, Failure, FileOutcome, LoadWork, Outcome, StagedTable, StageResult, UnknownField
from executor.lease_client import FailedLease, Granted, LeaseClient, Refused
from executor.schema.words import Column
from executor.wire import Caller, ControlPlaneRefused, LeaseFenced, boot_seconds, open_channel
from tests.executor.lease_service import (
    FENCED,
    Refusal,
    ScriptedLeaseService,
    Stop,
    a_lease,
    served,
)


async def granted(client: LeaseClient, service: ScriptedLeaseService) -> Granted:
    service.offer(a_lease())
    answer = await client.acquire("request-1", wait_seconds=0)
    assert isinstance(answer, Granted)
    return answer


async def test_a_lease_is_told_in_our_own_words(client: LeaseClient, service: ScriptedLeaseService) -> None:
    answer = await granted(client, service)
    work = answer.lease.work
    assert isinstance(work, LoadWork)
    assert (answer.lease.id, answer.lease.fence) == ("lease-1", 1)
    assert answer.lease.attempt == "lease-1-attempt-1"
    assert (work.format.kind, work.table) == ("json", "local.shop.orders")
    assert [file.size_bytes for file in work.files] == [100, 200]
    assert abs(answer.clock_error_seconds) < 5


async def test_no_lease_is_none(client: LeaseClient) -> None:
    assert await client.acquire("request-1", wait_seconds=0) is None


async def test_a_lost_answer_is_asked_for_again_with_the_same_request(
    client: LeaseClient, service: ScriptedLeaseService
) -> None:
    service.answers["AcquireLease"].append(Refusal(code=grpc.StatusCode.UNAVAILABLE))
    await granted(client, service)
    first, second = service.requests("AcquireLease")
    assert first == second


async def test_a_call_without_an_answer_is_given_up_at_its_deadline_and_repeated(
    client: LeaseClient, service: ScriptedLeaseService
) -> None:
    lease = (await granted(client, service)).lease
    service.listens.clear()
    began = boot_seconds()
    renewing = asyncio.create_task(client.renew(lease, deadline_seconds=0.1))
    await service.heard("RenewLease", count=2)
    service.listens.set()
    renewal = await renewing
    assert began + 0.1 <= renewal.sent_at <= boot_seconds()


async def test_a_renewal_is_not_put_off_for_longer_than_its_deadline(service: ScriptedLeaseService) -> None:
    async with served(service) as address, open_channel(address) as channel:
        patient = Caller(pause_seconds=lambda attempt: 3600.0)
        client = LeaseClient(channel, executor="tester", pool="default", keys=KeyRing(), caller=patient)
        lease = (await granted(client, service)).lease
        service.answers["RenewLease"].append(Refusal(code=grpc.StatusCode.UNAVAILABLE))
        async with asyncio.timeout(30):
            await client.renew(lease, deadline_seconds=0.1)


async def test_a_full_server_says_when_to_come_back(client: LeaseClient, service: ScriptedLeaseService) -> None:
    full = RetryInfo(retry_delay=Duration(nanos=200_000_000))
    service.answers["AcquireLease"].append(Refusal(code=grpc.StatusCode.RESOURCE_EXHAUSTED, detail=full))
    began = boot_seconds()
    await granted(client, service)
    assert boot_seconds() - began >= 0.2


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal(code=grpc.StatusCode.RESOURCE_EXHAUSTED),
        Refusal(code=grpc.StatusCode.INVALID_ARGUMENT),
        Refusal(code=grpc.StatusCode.ABORTED, detail=ErrorInfo(reason="ETAG_MISMATCH")),
    ],
)
async def test_what_would_be_refused_again_is_not_repeated(
    client: LeaseClient, service: ScriptedLeaseService, refusal: Refusal
) -> None:
    service.answers["AcquireLease"].append(refusal)
    with pytest.raises(ControlPlaneRefused, match="as the test says"):
        await client.acquire("request-1", wait_seconds=0)
    assert len(service.requests("AcquireLease")) == 1


async def test_a_fence_in_the_error_details_is_heard(client: LeaseClient, service: ScriptedLeaseService) -> None:
    lease = (await granted(client, service)).lease
    service.answers["CompleteLease"].append(FENCED)
    with pytest.raises(LeaseFenced):
        await client.complete(lease, published_snapshot_id=1, branches=())


async def test_stop_is_heard(client: LeaseClient, service: ScriptedLeaseService) -> None:
    lease = (await granted(client, service)).lease
    service.answers["RenewLease"].append(Stop)
    with pytest.raises(LeaseFenced):
        await client.renew(lease, deadline_seconds=5)


async def test_a_snapshot_that_does_not_count_is_fenced(client: LeaseClient, service: ScriptedLeaseService) -> None:
    lease = (await granted(client, service)).lease
    service.answers["StageLease"].append(
        leases_pb2.StageLeaseResponse(decision=leases_pb2.StageLeaseResponse.DECISION_FENCED)
    )
    with pytest.raises(LeaseFenced):
        await client.stage(lease, a_result())


async def test_stage_says_what_became_of_each_file(client: LeaseClient, service: ScriptedLeaseService) -> None:
    lease = (await granted(client, service)).lease
    await client.stage(lease, a_result())
    (request,) = service.requests("StageLease")
    assert (request.lease, request.fence, request.attempt) == (lease.id, 1, lease.attempt)
    assert request.staged.staged_snapshot_id == 22
    assert list(request.records_written) == [7, 0]
    (exception,) = request.exceptions
    assert exception.outcome == leases_pb2.FileOutcome.OUTCOME_MISSING
    assert exception.error.category == errors_pb2.ERROR_CATEGORY_FILE_MISSING
    assert [warning.subject for warning in request.warnings] == ["address.zip"]


async def test_thousands_of_failures_fit_into_one_message(client: LeaseClient, service: ScriptedLeaseService) -> None:
    lease = (await granted(client, service)).lease
    failure = Failure(category=Category.DATA_MALFORMED, message="ä" * 5_000, cause="\x00" * 9_000)
    outcomes = tuple(FileOutcome(index=index, outcome=Outcome.FAILED, failure=failure) for index in range(5_000))
    result = StageResult(
        staged=StagedTable(table="local.shop.orders"),
        records_written=(0,) * 5_000,
        exceptions=outcomes,
        unknown_fields=(),
    )
    await client.stage(lease, result)
    (request,) = service.requests("StageLease")
    assert len(request.exceptions) == 5_000
    assert request.exceptions[4_999].error.message == "ä" * 300


async def test_what_main_holds_is_told_from_the_snapshot_on_that_was_verified(
    client: LeaseClient, service: ScriptedLeaseService
) -> None:
    offered = a_lease()
    offered.load.verified_snapshot_id = 77
    service.offer(offered)
    answer = await client.acquire("request-1", wait_seconds=0)
    assert isinstance(answer, Granted) and isinstance(answer.lease.work, LoadWork)
    assert (answer.lease.work.verified_snapshot_id, answer.lease.ingestion) == (77, "orders")
    await client.stage(answer.lease, replace(a_result(), leases_in_main=("one", "two")))
    (request,) = service.requests("StageLease")
    assert request.leases_in_main == ["one", "two"]


async def test_a_proposed_schema_is_answered_by_the_one_that_holds(
    client: LeaseClient, service: ScriptedLeaseService
) -> None:
    lease = (await granted(client, service)).lease
    holds = ingestions_pb2.Column(name="id", type="bigint")
    service.answers["ProposeSchema"].append(leases_pb2.ProposeSchemaResponse(columns=[holds]))
    proposal = [Column(name="id", type="int")]
    in_force = await client.evolve_schema(lease, proposal, base_version=0, shown_by={})
    assert in_force.columns == (Column(name="id", type="bigint"),)


async def test_a_failure_is_reported_with_its_kind(client: LeaseClient, service: ScriptedLeaseService) -> None:
    lease = (await granted(client, service)).lease
    failure = Failure(category=Category.THROTTLED, message="slow down", retryable=True)
    await client.fail(lease, FailedLease.NOT_STAGED, failure)
    (request,) = service.requests("FailLease")
    assert request.outcome == leases_pb2.FailLeaseRequest.OUTCOME_NOT_STAGED
    assert request.error.category == errors_pb2.ERROR_CATEGORY_THROTTLED
    assert request.error.retryable


async def test_a_lease_with_keys_that_we_may_not_use_is_refused_with_the_reason(
    client: LeaseClient, service: ScriptedLeaseService
) -> None:
    variables = ingestions_pb2.EnvironmentKeys(access_key_id_variable="KEY", secret_access_key_variable="HOME")
    service.offer(a_lease(credentials=ingestions_pb2.Credentials(environment=variables)))
    answer = await client.acquire("request-1", wait_seconds=0)
    assert isinstance(answer, Refused)
    assert answer.failure.category is Category.AUTHENTICATION
    assert "HOME is not allowed" in answer.failure.message


async def test_columns_that_the_ingestion_does_not_let_in_are_offered_by_another_attempt(
    client: LeaseClient, service: ScriptedLeaseService
) -> None:
    lease = (await granted(client, service)).lease
    refusal = Refusal(code=grpc.StatusCode.INVALID_ARGUMENT, detail=ErrorInfo(reason="INVALID_FIELD"))
    service.answers["ProposeSchema"].append(refusal)
    with pytest.raises(AttemptFailed, match="as the test says") as failed:
        await client.evolve_schema(lease, [Column(name="id", type="int")], base_version=1, shown_by={})
    assert failed.value.failure.category is Category.SCHEMA_MISMATCH
    assert failed.value.failure.retryable
    assert len(service.requests("ProposeSchema")) == 1


async def test_work_of_a_kind_that_we_do_not_know_is_refused(
    client: LeaseClient, service: ScriptedLeaseService
) -> None:
    lease = a_lease()
    lease.ClearField("load")
    service.offer(lease)
    answer = await client.acquire("request-1", wait_seconds=0)
    assert isinstance(answer, Refused)
    assert "older than the control plane" in answer.failure.message


def a_result() -> StageResult:
    missing = Failure(category=Category.FILE_MISSING, message="gone")
    return StageResult(
        staged=StagedTable(
            table="local.shop.orders",
            table_uuid="uuid",
            base_snapshot_id=11,
            staged_snapshot_id=22,
            records_added=7,
        ),
        records_written=(7, 0),
        exceptions=(FileOutcome(index=1, outcome=Outcome.MISSING, failure=missing),),
        unknown_fields=(UnknownField(path="address.zip", record_count=3),),
    )
