"""The door to runs, over gRPC on a real ledger."""

from __future__ import annotations

import asyncio
import uuid

import grpc
import pytest
from autoloader.v1 import ingestions_pb2
from autoloader.v1 import runs_pb2 as pb
from sqlalchemy import text

from control_plane.api import runs
from control_plane.api.server import Server, Services
from control_plane.app import news_for
from control_plane.metrics import Metrics
from tests.control_plane.api.conftest import Client
from tests.control_plane.api.refusals import read, refused
from tests.control_plane.ledger.steps import Steps, a_staging, some_files


async def get(client: Client, name: str) -> pb.Run:
    return await client.runs.GetRun(pb.GetRunRequest(name=name))


async def names(client: Client, parent: str = "ingestions/-", **fields: object) -> list[str]:
    answer = await client.runs.ListRuns(pb.ListRunsRequest(parent=parent, **fields))  # type: ignore[arg-type]
    return [run.name for run in answer.runs]


async def test_a_finished_run_tells_its_figures(client: Client, steps: Steps) -> None:
    _, run = await steps.offered(some_files(3))
    lease = await steps.held()
    await steps.stage(lease, a_staging(10, 20, 30))
    await steps.complete(lease, 88)
    shown = await get(client, f"ingestions/orders/runs/{run.run_id}")
    assert shown.state == pb.Run.STATE_SUCCEEDED
    assert (shown.files_discovered, shown.files_processed, shown.records_written) == (3, 3, 60)
    assert list(shown.snapshot_ids) == [88]
    assert shown.start_time.ToDatetime() <= shown.end_time.ToDatetime()


async def test_runs_are_listed_newest_first_of_one_ingestion_or_of_all(client: Client, steps: Steps) -> None:
    first = await steps.open_run(await steps.create("a"))
    second = await steps.open_run(await steps.create("b"))
    expected = [f"ingestions/b/runs/{second.run_id}", f"ingestions/a/runs/{first.run_id}"]
    assert await names(client) == expected
    assert await names(client, "ingestions/a") == expected[1:]
    assert await names(client, filter="state = PENDING AND files_failed < 1") == expected
    assert await names(client, filter="state = FAILED") == []
    answer = await client.runs.ListRuns(pb.ListRunsRequest(parent="ingestions/-", page_size=1))
    assert await names(client, page_size=1, page_token=answer.next_page_token) == expected[1:]
    assert (await refused(names(client, "ingestions/c"))).reason == "NOT_FOUND"


@pytest.mark.parametrize("id", ["0", "999", "01", "x", "-1", "9223372036854775808", "9" * 30])
async def test_a_run_that_is_not_there_is_not_found(client: Client, id: str) -> None:
    refusal = await refused(get(client, f"ingestions/orders/runs/{id}"))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")


async def test_a_watch_sends_the_run_now_when_it_changes_and_ends_when_it_rests(client: Client, steps: Steps) -> None:
    _, run = await steps.offered(some_files(1))
    name = f"ingestions/orders/runs/{run.run_id}"
    watch = client.runs.WatchRun(pb.WatchRunRequest(name=name))
    seen = aiter(watch)
    assert (await anext(seen)).state == pb.Run.STATE_RUNNING
    lease = await steps.held()
    await steps.stage(lease, a_staging(5))
    await steps.complete(lease)
    last = [each async for each in seen][-1]
    assert (last.state, last.records_written) == (pb.Run.STATE_SUCCEEDED, 5)
    assert await watch.code() is grpc.StatusCode.OK


async def test_a_watch_that_pauses_between_changes_hears_at_once_that_its_run_ended(
    client: Client, services: Services, metrics: Metrics, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "WATCH_PAUSE_SECONDS", 3600)
    _, run = await steps.offered(some_files(1))
    lease = await steps.held()
    seen = aiter(client.runs.WatchRun(pb.WatchRunRequest(name=f"ingestions/orders/runs/{run.run_id}")))
    async with asyncio.timeout(20), services.database.listening(news_for(services.wakes, metrics)):
        await until_news_arrive(services)
        assert (await anext(seen)).state == pb.Run.STATE_RUNNING
        await steps.stage(lease, a_staging(1))
        await steps.complete(lease)
        assert (await anext(seen)).state == pb.Run.STATE_SUCCEEDED


async def until_news_arrive(services: Services) -> None:
    heard = False
    while not heard:
        async with services.database.transaction() as connection:
            await connection.execute(text("SELECT pg_notify('autoloader', 'runs_opened')"))
        heard = await services.wakes.runs_opened.wait(0.2)


async def test_a_watch_of_what_is_not_there_is_refused(client: Client) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.runs.WatchRun(pb.WatchRunRequest(name="ingestions/orders/runs/1")).read()
    assert read(caught.value).reason == "NOT_FOUND"


async def test_a_watch_ends_when_the_server_stops(client: Client, server: Server, steps: Steps) -> None:
    run = await steps.open_run(await steps.create())
    watch = client.runs.WatchRun(pb.WatchRunRequest(name=f"ingestions/orders/runs/{run.run_id}"))
    await watch.read()
    stopping = asyncio.create_task(server.stop(5))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await watch.read()
    refusal = read(caught.value)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
    assert refusal.retry_seconds > 0
    await stopping


async def test_a_cancelled_run_rests_and_cancelling_it_again_changes_nothing(client: Client, steps: Steps) -> None:
    _, run = await steps.offered(some_files(2))
    name = f"ingestions/orders/runs/{run.run_id}"
    cancelled = await client.runs.CancelRun(pb.CancelRunRequest(name=name))
    assert cancelled.state == pb.Run.STATE_CANCELLED
    assert (await client.runs.CancelRun(pb.CancelRunRequest(name=name))).end_time == cancelled.end_time


async def test_a_run_that_ended_by_itself_cannot_be_cancelled(client: Client, steps: Steps) -> None:
    _, run = await steps.offered(some_files(1))
    lease = await steps.held()
    await steps.stage(lease, a_staging(1))
    await steps.complete(lease)
    request = pb.CancelRunRequest(name=f"ingestions/orders/runs/{run.run_id}")
    refusal = await refused(client.runs.CancelRun(request))
    assert (refusal.reason, refusal.metadata["state"]) == ("WRONG_STATE", "SUCCEEDED")


async def test_a_person_resolves_a_publication_in_doubt(client: Client, steps: Steps) -> None:
    _, run = await steps.offered(some_files(1))
    lease = await steps.held()
    await steps.stage(lease, a_staging(5))
    await steps.doubt(lease)
    name = f"ingestions/orders/runs/{run.run_id}"
    assert list((await get(client, name)).leases_in_doubt) == [lease.lease_id]
    published = pb.ResolvePublishRequest.RESOLUTION_PUBLISHED
    request = pb.ResolvePublishRequest(name=name, lease=lease.lease_id, resolution=published, snapshot_id=99)
    resolved = await client.runs.ResolvePublish(request)
    assert list(resolved.leases_in_doubt) == []
    assert resolved.records_written == 5
    assert (await refused(client.runs.ResolvePublish(request))).reason == "WRONG_STATE"


async def test_a_resolution_that_says_nothing_is_refused(client: Client, steps: Steps) -> None:
    run = await steps.open_run(await steps.create())
    name, lease = f"ingestions/orders/runs/{run.run_id}", str(uuid.uuid4())
    for fields, violated in (
        ({"lease": lease}, "resolution"),
        ({"lease": lease, "resolution": 77}, "resolution"),
        ({"lease": "x", "resolution": 1}, "lease"),
        ({"lease": lease, "resolution": 1, "snapshot_id": 5}, "snapshot_id"),
    ):
        request = pb.ResolvePublishRequest(name=name, **fields)
        assert list((await refused(client.runs.ResolvePublish(request))).violations) == [violated]
    request = pb.ResolvePublishRequest(name=name, lease=lease, resolution=1)  # type: ignore[arg-type]
    assert (await refused(client.runs.ResolvePublish(request))).reason == "NOT_FOUND"


async def test_a_run_of_an_ingestion_is_opened_and_wakes_who_waits(
    client: Client, services: Services, steps: Steps
) -> None:
    await steps.create()
    woken = asyncio.create_task(services.wakes.runs_opened.wait(30))
    await asyncio.sleep(0)
    await client.ingestions.RunIngestion(ingestions_pb2.RunIngestionRequest(name="ingestions/orders"))
    async with asyncio.timeout(5):
        await woken
