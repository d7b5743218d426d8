"""Bugs of how an executor holds a lease, and of what it tells the control plane: only a test can plant them."""

from __future__ import annotations

import asyncio
import math
import uuid
from typing import Any

from executor import worker
from executor.attempt import SNAPSHOT_LOST, Attempt
from executor.convert import stage_request
from executor.ending import Ending
from executor.failpoints import failpoint
from executor.heartbeat import Heartbeat
from executor.lease import LoadWork, PublishWork
from executor.lease_client import FailedLease, LeaseClient, Renewal
from executor.publish import Published
from executor.wire import Caller, LeaseFenced, boot_seconds
from executor.worker import Worker
from tests.model.planting import in_code

load_once, call_once = Attempt._load, Caller.call


async def _nothing(*_: object, **__: object) -> None:
    return None


def _always_held(_: Heartbeat) -> None:
    return None


async def _stage_whatever_is_decided(client: LeaseClient, lease: Any, result: Any) -> None:
    request = stage_request(lease.id, fence=lease.fence, attempt=lease.attempt, result=result)
    await client._call(client._stub.StageLease, request)


async def _renew_whatever_is_said(client: LeaseClient, lease: Any, *, deadline_seconds: float) -> Renewal:
    try:
        return await renew_once(client, lease, deadline_seconds=deadline_seconds)
    except LeaseFenced:
        return Renewal(ttl_seconds=30, sent_at=boot_seconds())


async def _trusts_from_the_answer(heartbeat: Heartbeat) -> None:
    renewal = await heartbeat._client.renew(heartbeat._lease, deadline_seconds=heartbeat._ttl_seconds)
    heartbeat._trusted_until = boot_seconds() + renewal.ttl_seconds * 0.9


async def _begins_unheard(heartbeat: Heartbeat) -> Heartbeat:
    heartbeat._trusted_until = boot_seconds() + heartbeat._ttl_seconds
    heartbeat._beating = asyncio.create_task(heartbeat._beat())
    return heartbeat


async def _publishes_before_the_decision(attempt: Attempt, work: LoadWork, phase: Any) -> Ending:
    result = await attempt._stage(work, phase)
    publication = await asyncio.to_thread(
        attempt._loader.publish,
        result.to_publish,
        ingestion=attempt._lease.ingestion,
        lease_id=attempt._lease.id,
        check_held=attempt._heartbeat.check_held,
    )
    failpoint("executor.before_decision")
    await attempt._client.stage(attempt._lease, result)
    return await attempt._conclude(result.to_publish, publication)


async def _drops_its_branch_when_fenced(attempt: Attempt, work: LoadWork, phase: Any) -> Ending:
    try:
        return await load_once(attempt, work, phase)
    except LeaseFenced:
        attempt._loader.drop_branches(work.table, [f"al_{attempt._lease.attempt.replace('-', '')}"])
        raise


async def _fails_when_it_cannot_publish(attempt: Attempt, staged: PublishWork, phase: Any) -> Ending:
    try:
        publication = attempt._loader.publish(
            staged,
            ingestion=attempt._lease.ingestion,
            lease_id=attempt._lease.id,
            check_held=attempt._heartbeat.check_held,
        )
    except Exception:
        await attempt._fail(FailedLease.NOT_PUBLISHED, SNAPSHOT_LOST)
        return Ending.NOT_PUBLISHED
    return await attempt._conclude(staged, publication)


async def _completes_and_drops_all(attempt: Attempt, staged: PublishWork, published: Published) -> None:
    snapshot_id, branches = published.snapshot_id, published.branches
    await attempt._client.complete(attempt._lease, published_snapshot_id=snapshot_id, branches=branches)
    attempt._loader.drop_branches(staged.rows.table, branches)


async def _calls_under_a_new_id(caller: Caller, method: Any, request: Any, **told: Any) -> Any:
    async def ask_anew(request: Any, **options: Any) -> Any:
        if hasattr(request, "request_id"):
            request.request_id = str(uuid.uuid4())
        return await method(request, **options)

    return await call_once(caller, ask_anew, request, **told)


renew_once = LeaseClient.renew

BUGS_OF_LEASES = {
    "an attempt goes on after it was fenced": (in_code(LeaseClient, "stage", _stage_whatever_is_decided),),
    "a heartbeat does not hear STOP": (in_code(LeaseClient, "renew", _renew_whatever_is_said),),
    "a heartbeat never renews": (in_code(Heartbeat, "_beat", _nothing),),
    "a lease is always held": (in_code(Heartbeat, "check_held", _always_held),),
    "trust begins with the answer": (in_code(Heartbeat, "_renew", _trusts_from_the_answer),),
    "work begins before the first renewal": (in_code(Heartbeat, "__aenter__", _begins_unheard),),
    "a wrong clock works": (in_code(worker, "CLOCK_ERROR_SECONDS_MAX", math.inf),),
    "a doubt is not kept for a person": (in_code(Attempt, "_keep_for_person", _nothing),),
    "a publication that fails is a load that failed": (in_code(Attempt, "_publish", _fails_when_it_cannot_publish),),
    "a call is repeated under a new id": (in_code(Caller, "call", _calls_under_a_new_id),),
    "whoever completes drops every branch": (in_code(Attempt, "_complete", _completes_and_drops_all),),
    "who is fenced drops a branch": (in_code(Attempt, "_load", _drops_its_branch_when_fenced),),
    "a lease that was cut short is kept": (in_code(Worker, "_give_back", _nothing),),
    "publish before the decision": (in_code(Attempt, "_load", _publishes_before_the_decision),),
}
