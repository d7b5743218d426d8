"""A control plane that fails before or after any of its commits costs time and never a row."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable

import pytest
from autoloader.v1 import ingestions_pb2 as pb
from autoloader.v1 import runs_pb2

from tests.e2e.places import Folder
from tests.faults.failpoints import points_in
from tests.faults.matrix.stage import Stage, repeated
from tests.faults.scene import Load

pytestmark = pytest.mark.wide

SIDES = ["before_commit", "after_commit"]
ACTIONS = ["kill", "raise"]
OF_A_LOAD = ["AcquireLease", "RenewLease", "ProposeSchema", "StageLease", "CompleteLease"]
OF_A_LOOP = ["discoverer", "planner", "reaper"]
# It takes its turn at the start, and seldom after.
OF_A_START = ["pruner"]
OF_A_CALL = ["CreateIngestion", "UpdateIngestion", "PauseIngestion", "ResumeIngestion", "RunIngestion", "CancelRun"]


def _around(*operations: str) -> list[str]:
    return [f"{operation}.{side}" for operation in operations for side in SIDES]


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("point", [*_around(*OF_A_LOAD, *OF_A_LOOP), *points_in("control_plane")])
async def test_rows_are_there_once_whatever_happens_at_a_point(stage: Stage, point: str, action: str) -> None:
    load = await stage.scene.a_load(0, 1)
    async with stage.befallen(point, action):
        run = await repeated(lambda request_id: _run(load, request_id))
        stage.scene.successor.wire.open()

    assert await load.ends_well(run)
    assert await load.holds_once(0, 1)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("side", SIDES)
async def test_a_call_that_is_made_again_has_one_effect(stage: Stage, side: str, action: str) -> None:
    load = _unmade(stage)
    for method, call in _calls(load).items():
        async with stage.befallen(f"{method}.{side}", action):
            await repeated(call)
    history = await load.installation.client.history(load.ingestion)
    await load.installation.rested(history[0].name)

    stage.scene.successor.wire.open()
    assert await load.runs_well()
    assert await load.holds_once(0, 1)
    states = [run.state for run in await load.installation.client.history(load.ingestion)]
    assert states == [runs_pb2.Run.STATE_CANCELLED, runs_pb2.Run.STATE_SUCCEEDED]


@pytest.mark.parametrize("point", _around(*OF_A_START))
async def test_a_start_that_fails_in_part_is_none_to_a_load(stage: Stage, point: str) -> None:
    load = await stage.scene.a_load(0, 1)
    stage.scene.control_plane.kill()
    async with stage.befallen(point, "raise"):
        await stage.scene.control_plane.ended()
        await stage.scene.control_plane.start()

    stage.scene.successor.wire.open()
    assert await load.runs_well()
    assert await load.holds_once(0, 1)


def test_every_point_is_passed(stage: Stage) -> None:
    expected = {*_around(*OF_A_LOAD, *OF_A_LOOP, *OF_A_CALL, *OF_A_START), *points_in("control_plane")}
    assert expected <= stage.control_plane_points.passed


async def _run(load: Load, request_id: str) -> str:
    request = pb.RunIngestionRequest(name=load.ingestion, request_id=request_id)
    return (await load.installation.client.ingestions.RunIngestion(request)).name


async def _cancel(load: Load, request_id: str) -> runs_pb2.Run:
    (run,) = await load.installation.client.history(load.ingestion)
    return await load.installation.client.runs.CancelRun(
        runs_pb2.CancelRunRequest(name=run.name, request_id=request_id)
    )


def _unmade(stage: Stage) -> Load:
    """A load whose ingestion is yet to be created."""
    installation, name = stage.scene.installation, f"t{uuid.uuid4().hex}"
    load = Load(installation, Folder(installation.folder / name), f"faults.{name}", f"ingestions/{name}")
    load.put(0, 1)
    return load


def _calls(load: Load) -> dict[str, Callable[[str], Awaitable[object]]]:
    """Calls to make in turn, by their methods, which lead an ingestion to a run that is cancelled."""
    client, name = load.installation.client, load.ingestion
    ingestion = pb.Ingestion(
        source=load.place.source,
        format=pb.Format(json=pb.JsonFormat()),
        destination=pb.Destination(table=load.table),
    )
    changed = pb.Ingestion(name=name, labels={"changed": "yes"})
    return {
        "CreateIngestion": lambda id: client.ingestions.CreateIngestion(
            pb.CreateIngestionRequest(ingestion_id=name.partition("/")[2], ingestion=ingestion, request_id=id)
        ),
        "UpdateIngestion": lambda id: client.ingestions.UpdateIngestion(
            pb.UpdateIngestionRequest(ingestion=changed, request_id=id)
        ),
        "PauseIngestion": lambda id: client.ingestions.PauseIngestion(
            pb.PauseIngestionRequest(name=name, request_id=id)
        ),
        "ResumeIngestion": lambda id: client.ingestions.ResumeIngestion(
            pb.ResumeIngestionRequest(name=name, request_id=id)
        ),
        "RunIngestion": lambda id: _run(load, id),
        "CancelRun": lambda id: _cancel(load, id),
    }
