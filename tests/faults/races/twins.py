"""Two control planes on one ledger, and an executor that finds whichever of them lives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.e2e.client import connected
from tests.e2e.installation import Installation, add_executor
from tests.e2e.services import ControlPlane
from tests.faults.failpoints import WAIT, Failpoints, failpoints
from tests.faults.interposer import interposed
from tests.faults.matrix.stage import LEASE_SECONDS, Stage
from tests.faults.scene import Wired


@dataclass(frozen=True, slots=True)
class Twin:
    """One control plane of the two, as its users see it, and its points."""

    installation: Installation
    points: Failpoints

    @property
    def control_plane(self) -> ControlPlane:
        return self.installation.control_plane


@dataclass(frozen=True, slots=True)
class Twins:
    first: Twin
    second: Twin
    executor: Wired

    async def stopped_at(self, point: str) -> tuple[Twin, Twin]:
        """The one that comes to a point first, and waits there; and the other one, which passes it."""
        both = self.first, self.second
        events = [twin.points.arm(point, WAIT) for twin in both]
        arrivals = [asyncio.create_task(event.wait()) for event in events]
        await asyncio.wait(arrivals, return_when=asyncio.FIRST_COMPLETED)
        there, other = both if events[0].is_set() else both[::-1]
        other.points.release(point)
        for arrival in arrivals:
            arrival.cancel()
        return there, other


@asynccontextmanager
async def twins_on(stage: Stage, *, folder: Path, data_folder: Path) -> AsyncIterator[Twins]:
    """A second control plane beside that of the stage."""
    scene, known = stage.scene, stage.scene.installation
    async with AsyncExitStack() as ends:
        points = await ends.enter_async_context(failpoints())
        control_plane = ControlPlane(
            folder, database_url=known.database_url, local_folders=[known.folder], lease_seconds=LEASE_SECONDS
        )
        control_plane.name = "second control plane"
        points.govern(control_plane)
        known.services.append(control_plane)
        await control_plane.start()
        ends.push_async_callback(_end, control_plane)
        client = await ends.enter_async_context(connected(control_plane.address))
        either = f"ipv4:{known.control_plane.address},{control_plane.address}"
        wire = await ends.enter_async_context(interposed(either, scene.watch))
        executor = await add_executor(
            known,
            name="of either",
            control_plane=wire.address,
            data_folder=data_folder,
            spark_conf={},
            spark_master=stage.spark_url,
        )
        second = Twin(replace(known, control_plane=control_plane, client=client), points)
        yield Twins(Twin(known, stage.control_plane_points), second, Wired(executor, wire))


async def _end(control_plane: ControlPlane) -> None:
    """So that there is one again for the tests that follow."""
    control_plane.kill()
    await control_plane.ended()
