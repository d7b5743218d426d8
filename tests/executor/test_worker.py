"""The worker: what it tells the control plane, whatever the loader or the wire does to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

import grpc
import pytest
from autoloader.v1 import errors_pb2, ingestions_pb2, leases_pb2
from google.rpc import error_details_pb2

from executor.credentials import KeyRing
from executor.errors import attempt_failed
from executor.lease import Category
from executor.lease_client import LeaseClient
from executor.publish import NotPublished, Published
from executor.schema.words import Column
from executor.wire import Caller, open_channel
from tests.executor.fake_loader import IN_DOUBT, FakeLoader, Gate, working
from tests.executor.lease_service import FENCED, Refusal, ScriptedLeaseService, Stop, a_lease, served


@pytest.fixture
def loader() -> FakeLoader:
    return FakeLoader()


async def test_a_load_is_staged_decided_published_and_completed(
    client: LeaseClient, service: ScriptedLeaseService, loader: FakeLoader
) -> None:
    loader.publications.append(Published(snapshot_id=33, branches=("al_1", "al_2")))
    service.offer(a_lease())
    async with working(client, loader) as running:
        await service.heard("CompleteLease")
        await running.drained()
    assert service.methods() == ["RenewLease", "ProposeSchema", "StageLease", "CompleteLease"]
    assert loader.did == ["stage lease-1 lease-1-attempt-1", "publish 22", "drop local.shop.orders al_1 al_2"]
    (completion,) = service.requests("CompleteLease")
    assert (completion.lease, completion.fence, completion.published_snapshot_id) == ("lease-1", 1, 33)


async def test_what_was_published_is_counted(
    client: LeaseClient, service: ScriptedLeaseService, loader: FakeLoader
) -> None:
    service.offer(a_lease())
    async with working(client, loader) as running:
        await service.heard("CompleteLease")
        await running.drained()
        page = running.page()
    assert 'autoloader_executor_leases_total{outcome="published"} 1.0' in page
    assert "autoloader_executor_files_total 2.0" in page
    assert "autoloader_executor_records_total 7.0" in page
    assert "autoloader_executor_bytes_total 300.0" in page
    assert "autoloader_executor_busy 0.0" in page


async def test_the_schema_that_holds_reaches_the_thread(
    client: LeaseClient, service: ScriptedLeaseService, loader: FakeLoader
) -> None:
    holds = ingestions_pb2.Column(name="id", type="decimal(10,0)")
    service.answers["ProposeSchema"].append(leases_pb2.ProposeSchemaResponse(columns=[holds]))
    service.offer(a_lease())
    async with working(client, loader):
        await service.heard("CompleteLease")
    assert loader.proposed == (Column(name="id", type="decimal(10,0)"),)


async def test_a_staged_snapshot_of_another_attempt_is_only_published(
    client: LeaseClient, service: ScriptedLeaseService, loader: FakeLoader
) -> None:
    staged = leases_pb2.StagedTable(table="local.shop.orders", staged_snapshot_id=77)
    service.offer(a_lease(fence=4, publish=staged))
    async with working(client, loader):
        await service.heard("CompleteLease")
    assert loader.did == ["publish 77"]
    assert service.methods() == ["RenewLease", "CompleteLease"]


async def test_a_failed_attempt_is_reported_and_the_next_lease_is_taken(
    client: LeaseClient, service: ScriptedLeaseService, loader: FakeLoader
) -> None:
    troubles = iter([attempt_failed(Category.PERMISSION, "may not read", retryable=False), None])

    def fail_once(check_held: Callable[[], None]) -> None:
        if trouble := next(troubles):
            raise trouble

    loader.while_staging = fail_once
    service.offer(a_lease())
    service.offer(a_lease(lease_id="lease-2"))
    async with working(client, loader):
        (completion,) = await service.heard("CompleteLease")
    assert completion.lease == "lease-2"
    (failure,) = service.requests("FailLease")
    assert failure.outcome == leases_pb2.FailLeaseRequest.OUTCOME_NOT_STAGED
    assert failure.error.category == errors_pb2.ERROR_CATEGORY_PERMISSION
    assert loader.did.count("publish 22") == 1


async def test_an_unforeseen_failure_is_told_apart_from_its_cause_and_without_secrets(
    client: LeaseClient, service: ScriptedLeaseService, loader: FakeLoader
) -> None:
    def break_down(check_held: Callable[[], None]) -> None:
        raise ZeroDivisionError("while using hunter2")

    loader.while_staging = break_down
    keys = ingestions_pb2.StaticKeys(access_key_id="key", secret_access_key="hunter2")
    service.offer(a_lease(credentials=ingestions_pb2.Credentials(static_keys=keys)))
    async with working(client, loader) as running:
        (failure,) = await service.heard("FailLease")
        await running.drained()
    assert failure.error.category == errors_pb2.ERROR_CATEGORY_UNKNOWN
    assert "ZeroDivisionError" not in failure.error.message
    assert failure.error.cause == "ZeroDivisionError: while using ***"


async def test_a_snapshot_that_does_not_count_is_never_published(
    client: LeaseClient, service: ScriptedLeaseService, loader: FakeLoader
) -> None:
    service.answers["StageLease"].append(
        leases_pb2.StageLeaseResponse(decision=leases_pb2.StageLeaseResponse.DECISION_FENCED)
    )
    service.offer(a_lease())
    async with working(client, loader) as running:
        await service.heard("StageLease")
        await running.drained()
        assert 'leases_total{outcome="fenced"} 1.0' in running.page()
    assert loader.did == ["stage lease-1 lease-1-attempt-1"]
    assert service.methods() == ["RenewLease", "ProposeSchema", "StageLease"]


async def test_a_sealed_table_fails_the_lease_and_nothing_is_published(
    client: LeaseClient, service: ScriptedLeaseService, loader: FakeLoader
) -> None:
    detail = error_details_pb2.ErrorInfo(reason="TABLE_SEALED", domain="autoloader.v1")
    service.answers["StageLease"].append(Refusal(code=grpc.StatusCode.FAILED_PRECONDITION, detail=detail))
    service.offer(a_lease())
    async with working(client, loader):
        (failure,) = await service.heard("FailLease")
    assert failure.outcome == leases_pb2.FailLeaseRequest.OUTCOME_NOT_STAGED
    assert failure.error.category == errors_pb2.ERROR_CATEGORY_TABLE_SEALED
    assert failure.error.message == "as the test says"
    assert not failure.error.retryable
    assert loader.did == ["stage lease-1 lease-1-attempt-1"]


async def test_a_lost_snapshot_is_reported_as_not_published(
    client: LeaseClient, service: ScriptedLeaseService, loader: FakeLoader
) -> None:
    loader.publications.append(NotPublished())
    service.offer(a_lease())
    async with working(client, loader):
        (failure,) = await service.heard("FailLease")
    assert failure.outcome == leases_pb2.FailLeaseRequest.OUTCOME_NOT_PUBLISHED
    assert failure.error.retryable
    assert not service.requests("CompleteLease")


async def test_a_doubt_is_kept_for_a_person_before_it_is_reported(
    client: LeaseClient, service: ScriptedLeaseService, loader: FakeLoader
) -> None:
    loader.publications.append(IN_DOUBT)
    service.offer(a_lease())
    async with working(client, loader):
        (failure,) = await service.heard("FailLease")
    assert loader.did[-1] == "keep 22"
    assert failure.outcome == leases_pb2.FailLeaseRequest.OUTCOME_IN_DOUBT
    assert failure.error.category == errors_pb2.ERROR_CATEGORY_PUBLISH_IN_DOUBT


async def test_a_doubt_that_cannot_be_kept_is_reported_all_the_same(
    client: LeaseClient, service: ScriptedLeaseService, loader: FakeLoader
) -> None:
    def break_down() -> None:
        raise OSError("catalog away")

    loader.publications.append(IN_DOUBT)
    loader.while_keeping = break_down
    service.offer(a_lease())
    async with working(client, loader):
        (failure,) = await service.heard("FailLease")
    assert failure.outcome == leases_pb2.FailLeaseRequest.OUTCOME_IN_DOUBT


async def test_a_publication_that_fails_is_tried_again(
    client: LeaseClient, service: ScriptedLeaseService, loader: FakeLoader
) -> None:
    away = attempt_failed(Category.CATALOG_UNAVAILABLE, "away", retryable=True)
    loader.publications.extend([away, OSError("reset"), Published(snapshot_id=33)])
    service.offer(a_lease())
    async with working(client, loader):
        (completion,) = await service.heard("CompleteLease")
    assert completion.published_snapshot_id == 33
    assert not service.requests("FailLease")


async def test_a_publication_that_keeps_failing_is_left_to_others_and_never_called_a_failed_load(
    client: LeaseClient, service: ScriptedLeaseService, loader: FakeLoader
) -> None:
    loader.publications.extend(OSError("away") for _ in range(3))
    service.offer(a_lease())
    async with working(client, loader) as running:
        await service.heard("ReleaseLease")
        await running.drained()
        assert 'leases_total{outcome="released"} 1.0' in running.page()
    assert not service.requests("FailLease")


async def test_a_lease_that_is_stopped_is_forgotten_in_silence(
    client: LeaseClient, service: ScriptedLeaseService, loader: FakeLoader
) -> None:
    loader.while_staging = gate = Gate()
    service.ttl_seconds = 0.6
    service.offer(a_lease(ttl_seconds=0.6))
    async with working(client, loader) as running:
        await gate.entered()
        service.answers["RenewLease"].append(Stop)
        await gate.lost.wait()
        await running.drained()
        assert 'leases_total{outcome="lost"} 1.0' in running.page()
    assert set(service.methods()) == {"RenewLease", "ProposeSchema"}


async def test_what_was_staged_is_put_to_the_decision_though_the_lease_was_stopped_but_not_published_by_us(
    client: LeaseClient, service: ScriptedLeaseService, loader: FakeLoader
) -> None:
    gate = Gate()
    loader.while_staging = lambda check_held: gate(lambda: None)
    service.ttl_seconds = 0.6
    service.offer(a_lease(ttl_seconds=0.6))
    async with working(client, loader) as running:
        await gate.entered()
        service.answers["RenewLease"].append(Stop)
        await service.heard("RenewLease", count=len(service.requests("RenewLease")) + 1)
        gate.open()
        await service.heard("StageLease")
        await running.drained()
    assert "publish 22" not in loader.did
    assert not service.requests("CompleteLease")


async def test_no_file_is_touched_when_the_first_renewal_is_fenced(
    client: LeaseClient, service: ScriptedLeaseService, loader: FakeLoader
) -> None:
    service.answers["RenewLease"].append(FENCED)
    service.offer(a_lease())
    async with working(client, loader) as running:
        await service.heard("AcquireLease", count=2)
        await running.drained()
    assert loader.did == []


@pytest.mark.parametrize("behind_seconds", [40.0, -40.0])
async def test_a_wrong_clock_takes_no_work(
    client: LeaseClient, service: ScriptedLeaseService, loader: FakeLoader, behind_seconds: float
) -> None:
    service.offer(a_lease(clock_behind_seconds=behind_seconds))
    async with working(client, loader) as running:
        await service.heard("ReleaseLease")
        await running.drained()
        assert 'leases_total{outcome="clock_wrong"} 1.0' in running.page()
    assert loader.did == []
    assert service.methods() == ["ReleaseLease"]


async def test_a_lease_whose_keys_are_refused_fails_with_the_reason(
    client: LeaseClient, service: ScriptedLeaseService, loader: FakeLoader
) -> None:
    file = ingestions_pb2.FileKeys(path="/etc/passwd")
    service.offer(a_lease(credentials=ingestions_pb2.Credentials(file=file)))
    async with working(client, loader):
        (failure,) = await service.heard("FailLease")
    assert failure.outcome == leases_pb2.FailLeaseRequest.OUTCOME_NOT_STAGED
    assert failure.error.category == errors_pb2.ERROR_CATEGORY_AUTHENTICATION
    assert "/etc/passwd is not allowed" in failure.error.message
    assert loader.did == []


async def test_a_refused_call_costs_the_lease_and_not_the_worker(
    client: LeaseClient, service: ScriptedLeaseService, loader: FakeLoader
) -> None:
    service.answers["AcquireLease"].append(Refusal(code=grpc.StatusCode.PERMISSION_DENIED))
    service.answers["StageLease"].append(Refusal(code=grpc.StatusCode.INTERNAL))
    service.offer(a_lease())
    service.offer(a_lease(lease_id="lease-2"))
    async with working(client, loader) as running:
        (completion,) = await service.heard("CompleteLease")
        await running.drained()
        assert 'leases_total{outcome="abandoned"} 1.0' in running.page()
    assert completion.lease == "lease-2"


async def test_draining_ends_a_worker_that_waits(
    client: LeaseClient, service: ScriptedLeaseService, loader: FakeLoader
) -> None:
    async with working(client, loader) as running:
        await service.heard("AcquireLease")
        await running.drained()
    waited, asked_again = service.requests("AcquireLease")
    assert asked_again.request_id == waited.request_id
    assert asked_again.wait.ToSeconds() == 0


async def test_a_lease_handed_out_while_draining_begins_is_given_back(
    client: LeaseClient, service: ScriptedLeaseService, loader: FakeLoader
) -> None:
    service.listens.clear()
    async with working(client, loader) as running:
        await service.heard("AcquireLease")
        service.offer(a_lease())
        running.draining.set()
        await service.heard("AcquireLease", count=2)
        service.listens.set()
        await running.drained()
    assert service.methods() == ["ReleaseLease"]
    assert loader.did == []


async def test_draining_lets_the_lease_at_hand_be_finished(
    client: LeaseClient, service: ScriptedLeaseService, loader: FakeLoader
) -> None:
    loader.while_staging = gate = Gate()
    service.offer(a_lease())
    service.offer(a_lease(lease_id="lease-2"))
    async with working(client, loader) as running:
        await gate.entered()
        running.draining.set()
        gate.open()
        await running.drained()
    assert service.methods() == ["RenewLease", "ProposeSchema", "StageLease", "CompleteLease"]
    assert len(service.requests("AcquireLease")) == 1


async def test_a_worker_cut_short_gives_its_lease_back_and_its_thread_hears_so(
    client: LeaseClient, service: ScriptedLeaseService, loader: FakeLoader
) -> None:
    loader.while_staging = gate = Gate()
    service.offer(a_lease())
    async with working(client, loader) as running:
        await gate.entered()
        running.task.cancel()
        await asyncio.wait([running.task])
        async with asyncio.timeout(20):
            await gate.lost.wait()
    assert service.methods() == ["RenewLease", "ProposeSchema", "ReleaseLease"]


async def test_a_control_plane_that_restarts_costs_no_lease(service: ScriptedLeaseService, loader: FakeLoader) -> None:
    loader.while_staging = gate = Gate()
    service.offer(a_lease())
    async with AsyncExitStack() as first_life:
        address = await first_life.enter_async_context(served(service))
        async with open_channel(address) as channel:
            client = LeaseClient(channel, executor="tester", pool="default", keys=KeyRing(), caller=Caller())
            async with working(client, loader):
                await gate.entered()
                await first_life.aclose()
                gate.open()
                async with served(service, port=int(address.rpartition(":")[2])):
                    await service.heard("CompleteLease")
    assert loader.did == ["stage lease-1 lease-1-attempt-1", "publish 22"]
