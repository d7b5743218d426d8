"""The heartbeat: renewals that nothing blocks, and trust that ends before the lease does."""

from __future__ import annotations

import asyncio
import time

import grpc
import pytest

from executor.heartbeat import Heartbeat, LeaseLost
from executor.lease import Lease, PublishWork, StagedTable
from executor.lease_client import LeaseClient
from executor.wire import LeaseFenced, boot_seconds
from tests.executor.lease_service import Refusal, ScriptedLeaseService, Stop

TTL_SECONDS = 0.6


@pytest.fixture(autouse=True)
def short_leases(service: ScriptedLeaseService) -> None:
    service.ttl_seconds = TTL_SECONDS


def a_held_lease() -> Lease:
    return Lease(
        id="lease-1",
        fence=3,
        attempt="attempt-3",
        run="ingestions/orders/runs/1",
        ttl_seconds=TTL_SECONDS,
        work=PublishWork(rows=StagedTable(table="local.shop.orders")),
    )


async def lost(heartbeat: Heartbeat) -> float:
    """When the lease was noticed to be lost, by the clock of `boot_seconds`."""
    async with asyncio.timeout(10):
        while True:
            try:
                heartbeat.check_held()
            except LeaseLost:
                return boot_seconds()
            await asyncio.sleep(0.01)


async def test_the_first_renewal_is_answered_before_the_work_begins(
    client: LeaseClient, service: ScriptedLeaseService
) -> None:
    async with Heartbeat(client, a_held_lease()) as heartbeat:
        (request,) = service.requests("RenewLease")
        assert (request.lease, request.fence, request.attempt) == ("lease-1", 3, "attempt-3")
        heartbeat.check_held()


async def test_a_lease_is_held_far_beyond_its_ttl(client: LeaseClient, service: ScriptedLeaseService) -> None:
    async with Heartbeat(client, a_held_lease()) as heartbeat:
        await service.heard("RenewLease", count=7)
        heartbeat.check_held()


async def test_a_thread_that_works_hard_does_not_stop_the_renewals(
    client: LeaseClient, service: ScriptedLeaseService
) -> None:
    async with Heartbeat(client, a_held_lease()) as heartbeat:
        until = time.monotonic() + 2 * TTL_SECONDS
        await asyncio.to_thread(spin, until)
        assert len(service.requests("RenewLease")) >= 4
        await asyncio.to_thread(heartbeat.check_held)


async def test_a_silent_server_is_not_trusted_beyond_the_ttl_since_the_last_answer_was_asked_for(
    client: LeaseClient, service: ScriptedLeaseService
) -> None:
    before_the_renewal = boot_seconds()
    async with Heartbeat(client, a_held_lease()) as heartbeat:
        after_the_renewal = boot_seconds()
        service.listens.clear()
        lost_at = await lost(heartbeat)
        assert lost_at >= before_the_renewal + 0.8 * TTL_SECONDS
        assert lost_at < after_the_renewal + TTL_SECONDS


async def test_an_answer_that_took_long_is_trusted_from_when_it_was_asked_for(
    client: LeaseClient, service: ScriptedLeaseService
) -> None:
    service.listens.clear()
    entering = asyncio.create_task(Heartbeat(client, a_held_lease()).__aenter__())
    await service.heard("RenewLease")
    await asyncio.sleep(TTL_SECONDS / 4)
    service.listens.set()
    heartbeat = await entering
    answered_at = boot_seconds()
    service.listens.clear()
    assert await lost(heartbeat) < answered_at + 0.8 * TTL_SECONDS
    heartbeat.stop()


async def test_trust_comes_back_with_a_late_answer_that_says_go_on(
    client: LeaseClient, service: ScriptedLeaseService
) -> None:
    async with Heartbeat(client, a_held_lease()) as heartbeat:
        service.listens.clear()
        await lost(heartbeat)
        service.listens.set()
        await service.heard("RenewLease", count=len(service.requests("RenewLease")) + 2)
        heartbeat.check_held()


async def test_an_unanswered_first_renewal_loses_the_lease(client: LeaseClient, service: ScriptedLeaseService) -> None:
    service.listens.clear()
    with pytest.raises(LeaseLost, match="first renewal"):
        async with Heartbeat(client, a_held_lease()):
            raise AssertionError("no work may begin")


async def test_stop_to_the_first_renewal_lets_no_work_begin(client: LeaseClient, service: ScriptedLeaseService) -> None:
    service.answers["RenewLease"].append(Stop)
    with pytest.raises(LeaseFenced):
        async with Heartbeat(client, a_held_lease()):
            raise AssertionError("no work may begin")


async def test_stop_is_for_ever(client: LeaseClient, service: ScriptedLeaseService) -> None:
    async with Heartbeat(client, a_held_lease()) as heartbeat:
        service.answers["RenewLease"].append(Stop)
        await service.heard("RenewLease", count=2)
        await lost(heartbeat)
        with pytest.raises(LeaseLost, match="said stop"):
            heartbeat.check_held()
        assert len(service.requests("RenewLease")) == 2


async def test_a_renewal_that_is_refused_does_not_end_the_renewals(
    client: LeaseClient, service: ScriptedLeaseService
) -> None:
    async with Heartbeat(client, a_held_lease()) as heartbeat:
        service.answers["RenewLease"].append(Refusal(code=grpc.StatusCode.INTERNAL))
        await service.heard("RenewLease", count=4)
        heartbeat.check_held()


async def test_a_thread_left_behind_hears_that_it_is_over(client: LeaseClient, service: ScriptedLeaseService) -> None:
    async with Heartbeat(client, a_held_lease()) as heartbeat:
        heartbeat.check_held()
    with pytest.raises(LeaseLost, match="done with it"):
        heartbeat.check_held()


def spin(until: float) -> None:
    while time.monotonic() < until:
        pass
