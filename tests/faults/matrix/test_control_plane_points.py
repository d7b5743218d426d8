"""A control plane that fails before or after any of its commits costs time and never a row."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from autoloader.v1 import ingestions_pb2 as pb
from autoloader.v1 import runs_pb2

from tests.e2e.places import Folder
from tests.faults.failpoints import points_in
from tests.faults.matrix.stage import Stage, repeated
from tests.faults.scene import Load

SIDES = ["before_commit", "after_commit"]
ACTIONS = ["kill", "raise"]
OF_A_LOAD = ["AcquireLease", "RenewLease", "ProposeSchema", "StageLease", "CompleteLease"]
OF_A_LOOP = ["discoverer", "planner", "reaper", "pruner"]
PASSED_BY_A_LOAD = [f"{operation}.{side}" for operation in OF_A_LOAD + OF_A_LOOP for side in SIDES]
PASSED_BY_A_CALL = [
    "CreateIngestion",
    "UpdateIngestion",
    "PauseIngestion",
    "ResumeIngestion",
    "RunIngestion",
    "CancelRun",
]


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("point", [*PASSED_BY_A_LOAD, *points_in("control_plane")])
async def test_rows_are_there_once_whatever_happens_at_a_point(stage: Stage, point: str, action: str) -> None:
    load = await stage.scene.a_load(0, 1)
    happens = stage.control_plane_points.arm(point, action)
    fate = asyncio.create_task(_fate(stage, happens, action))

    run = await repeated(lambda request_id: _run(load, request_id))
    stage.scene.successor.wire.open()
    await fate

    assert await load.ends_well(run)
    assert await load.holds_once(0, 1)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("method", PASSED_BY_A_CALL)
async def test_a_call_that_is_made_again_has_one_effect(stage: Stage, method: str, side: str, action: str) -> None:
    stage.scene.successor.wire.close()
    happens = stage.control_plane_points.arm(f"{method}.{side}", action)
    fate = asyncio.create_task(_fate(stage, happens, action))

    load = await _created(stage)
    await _led_to_rest(load)
    await fate

    history = await stage.scene.installation.client.history(load.ingestion)
    assert [run.state for run in history] == [runs_pb2.Run.STATE_CANCELLED]
    stage.scene.successor.wire.open()
    assert await load.runs_well()
    assert await load.holds_once(0, 1)


def test_every_point_is_passed(stage: Stage) -> None:
    expected = {f"{operation}.{side}" for operation in [*OF_A_LOAD, *OF_A_LOOP, *PASSED_BY_A_CALL] for side in SIDES}
    assert expected | set(points_in("control_plane")) <= stage.control_plane_points.passed


async def _fate(stage: Stage, happens: asyncio.Event, action: str) -> None:
    await happens.wait()
    if action == "kill":
        await stage.raise_control_plane()


async def _run(load: Load, request_id: str) -> str:
    request = pb.RunIngestionRequest(name=load.ingestion, request_id=request_id)
    return (await load.installation.client.ingestions.RunIngestion(request)).name


async def _created(stage: Stage) -> Load:
    """A load whose creation is asked for until it is answered."""
    installation = stage.scene.installation
    name = f"t{uuid.uuid4().hex}"
    place, table = Folder(installation.folder / name), f"faults.{name}"
    ingestion = pb.Ingestion(
        source=place.source,
        format=pb.Format(json=pb.JsonFormat()),
        destination=pb.Destination(table=table),
    )

    async def create(request_id: str) -> pb.Ingestion:
        request = pb.CreateIngestionRequest(ingestion_id=name, ingestion=ingestion, request_id=request_id)
        return await installation.client.ingestions.CreateIngestion(request)

    load = Load(installation, place, table, (await repeated(create)).name)
    load.put(0, 1)
    return load


async def _led_to_rest(load: Load) -> None:
    """Updates and pauses the ingestion, resumes it, starts a run and cancels it: each until it is answered."""
    client, name = load.installation.client, load.ingestion

    async def update(request_id: str) -> pb.Ingestion:
        changed = pb.Ingestion(name=name, labels={"changed": "yes"})
        return await client.ingestions.UpdateIngestion(
            pb.UpdateIngestionRequest(ingestion=changed, request_id=request_id)
        )

    assert (await repeated(update)).labels == {"changed": "yes"}
    await repeated(lambda id: client.ingestions.PauseIngestion(pb.PauseIngestionRequest(name=name, request_id=id)))
    await repeated(lambda id: client.ingestions.ResumeIngestion(pb.ResumeIngestionRequest(name=name, request_id=id)))
    run = await repeated(lambda request_id: _run(load, request_id))
    await repeated(lambda id: client.runs.CancelRun(runs_pb2.CancelRunRequest(name=run, request_id=id)))
    await load.installation.rested(run)
