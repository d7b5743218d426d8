"""Scenes between an executor and a scripted control plane: what it says, does, and does no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc
import pytest
from autoloader.v1 import leases_pb2

from executor.credentials import KeyRing
from executor.heartbeat import Heartbeat, LeaseLost
from executor.lease import Lease, PublishWork, StagedTable
from executor.lease_client import LeaseClient
from executor.publish import Published
from executor.wire import Caller, LeaseFenced, boot_seconds, open_channel
from tests.executor.fake_loader import IN_DOUBT, FakeLoader, Gate, working
from tests.executor.lease_service import FENCED, Refusal, ScriptedLeaseService, Stop, a_lease, served
from tests.faults.seeded.ground import Ground

TTL_SECONDS = 0.6
FENCING = leases_pb2.StageLeaseResponse(decision=leases_pb2.StageLeaseResponse.DECISION_FENCED)


@dataclass(frozen=True, slots=True)
class Talk:
    client: LeaseClient
    service: ScriptedLeaseService
    loader: FakeLoader = field(default_factory=FakeLoader)


@asynccontextmanager
async def talking() -> AsyncIterator[Talk]:
    service = ScriptedLeaseService()
    async with served(service) as address, open_channel(address) as channel:
        caller = Caller(pause_seconds=lambda attempt: 0.01)
        yield Talk(LeaseClient(channel, executor="e", pool="default", keys=KeyRing(), caller=caller), service)


async def fenced_at_the_decision(_: Ground) -> None:
    """A snapshot that does not count is neither published nor dropped."""
    async with talking() as talk:
        talk.service.answers["StageLease"].append(FENCING)
        talk.service.offer(a_lease())
        async with working(talk.client, talk.loader) as running:
            await talk.service.heard("StageLease")
            await running.drained()
        assert talk.loader.did == ["stage lease-1 lease-1-attempt-1"]


async def told_to_stop(_: Ground) -> None:
    """The work hears of it."""
    async with _held() as (heartbeat, service):
        service.answers["RenewLease"].append(Stop)
        await service.heard("RenewLease", count=2)
        await _lost(heartbeat)


async def long_work(_: Ground) -> None:
    """A lease is held far beyond its ttl."""
    async with _held() as (heartbeat, service):
        await asyncio.wait_for(service.heard("RenewLease", count=5), 5 * TTL_SECONDS)
        heartbeat.check_held()


async def silence(_: Ground) -> None:
    """A lease is not trusted beyond the ttl since the last renewal was sent, however late its answer came."""
    async with talking() as talk:
        talk.service.ttl_seconds = TTL_SECONDS
        talk.service.listens.clear()
        heartbeat = Heartbeat(talk.client, _a_lease())
        entering = asyncio.create_task(heartbeat.__aenter__())
        await talk.service.heard("RenewLease")
        await asyncio.sleep(TTL_SECONDS / 4)
        talk.service.listens.set()
        await entering
        answered_at = boot_seconds()
        talk.service.listens.clear()
        try:
            assert await _lost(heartbeat) < answered_at + 0.8 * TTL_SECONDS
        finally:
            heartbeat.stop()


async def fenced_before_the_work(_: Ground) -> None:
    """No file is touched before the first renewal is answered."""
    async with talking() as talk:
        talk.service.answers["RenewLease"].append(FENCED)
        with pytest.raises(LeaseFenced):
            async with Heartbeat(talk.client, _a_lease()):
                pass


async def a_wrong_clock(_: Ground) -> None:
    """It takes no work."""
    async with talking() as talk:
        talk.service.offer(a_lease(clock_behind_seconds=40))
        async with working(talk.client, talk.loader) as running:
            await _either(talk.service, "ReleaseLease", "CompleteLease")
            await running.drained()
        assert talk.loader.did == []


async def in_doubt(_: Ground) -> None:
    """The snapshot is kept for a person before the doubt is reported."""
    async with talking() as talk:
        talk.loader.publications.append(IN_DOUBT)
        talk.service.offer(a_lease())
        async with working(talk.client, talk.loader):
            await talk.service.heard("FailLease")
        assert talk.loader.did[-1] == "keep 22"


async def the_catalog_is_away(_: Ground) -> None:
    """A publication that does not succeed is left to others, and is no load that failed."""
    async with talking() as talk:
        talk.loader.publications.extend(OSError("away") for _ in range(3))
        talk.service.offer(a_lease())
        async with working(talk.client, talk.loader):
            await _either(talk.service, "ReleaseLease", "FailLease")
        assert not talk.service.requests("FailLease")


async def an_answer_is_lost(_: Ground) -> None:
    """The call is repeated as it was."""
    async with talking() as talk:
        talk.service.answers["AcquireLease"].append(Refusal(code=grpc.StatusCode.UNAVAILABLE))
        await talk.client.acquire("once", wait_seconds=0.1)
        assert [request.request_id for request in talk.service.requests("AcquireLease")] == ["once", "once"]


async def branches_of_others(_: Ground) -> None:
    """Those alone are dropped that the control plane calls droppable."""
    async with talking() as talk:
        talk.loader.publications.append(Published(snapshot_id=33, branches=("al_1", "al_2")))
        talk.service.answers["CompleteLease"].append(leases_pb2.CompleteLeaseResponse(droppable_branches=["al_1"]))
        talk.service.offer(a_lease())
        async with working(talk.client, talk.loader) as running:
            await talk.service.heard("CompleteLease")
            await running.drained()
        assert talk.loader.did[-1] == "drop local.shop.orders al_1"


async def cut_short(_: Ground) -> None:
    """A lease that is not worked on to its end is given back."""
    async with talking() as talk:
        talk.loader.while_staging = gate = Gate()
        talk.service.offer(a_lease())
        async with working(talk.client, talk.loader) as running:
            await gate.entered()
            running.task.cancel()
            await asyncio.wait([running.task])
        assert talk.service.methods()[-1] == "ReleaseLease"


@asynccontextmanager
async def _held() -> AsyncIterator[tuple[Heartbeat, ScriptedLeaseService]]:
    async with talking() as talk:
        talk.service.ttl_seconds = TTL_SECONDS
        async with Heartbeat(talk.client, _a_lease()) as heartbeat:
            yield heartbeat, talk.service


def _a_lease() -> Lease:
    work = PublishWork(rows=StagedTable(table="local.shop.orders"))
    return Lease(id="lease-1", fence=3, attempt="attempt-3", run="runs/1", ttl_seconds=TTL_SECONDS, work=work)


async def _lost(heartbeat: Heartbeat) -> float:
    """When the lease was noticed to be lost, by the clock of `boot_seconds`."""
    async with asyncio.timeout(5 * TTL_SECONDS):
        while True:
            try:
                heartbeat.check_held()
            except LeaseLost:
                return boot_seconds()
            await asyncio.sleep(0.01)


async def _either(service: ScriptedLeaseService, *methods: str) -> None:
    """Returns when one of them is called."""
    calls = [asyncio.create_task(service.heard(method)) for method in methods]
    await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
