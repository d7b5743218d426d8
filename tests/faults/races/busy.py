"""An executor that works on several leases at once, each of which can be held up in another phase."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.installation import add_executor
from tests.faults.failpoints import WAIT, Failpoints, failpoints
from tests.faults.interposer import Forward, Hook, interposed
from tests.faults.matrix.stage import Stage
from tests.faults.scene import Wired

PHASES = 4
STAGING, PUBLISHING = "executor.before_stage", "executor.before_pick"


@dataclass(frozen=True, slots=True)
class Busy:
    """It has as many leases at once as there are phases."""

    wired: Wired
    points: Failpoints

    def hold_up(self, then: Hook) -> HeldUp:
        """Has one lease each wait while it is staged, decided upon, published and completed."""
        told = asyncio.Event()

        async def wait(request: bytes, forward: Forward) -> bytes:
            await told.wait()
            return await then(request, forward)

        reached = (
            self.points.arm(STAGING, WAIT),
            self.wired.wire.once("StageLease", wait),
            self.points.arm(PUBLISHING, WAIT),
            self.wired.wire.once("CompleteLease", wait),
        )
        return HeldUp(self, reached, told)


@dataclass(frozen=True, slots=True)
class HeldUp:
    """Leases of a busy executor that wait to be let go on; calls of theirs go through the hook that was named."""

    busy: Busy
    reached: tuple[asyncio.Event, ...]
    told: asyncio.Event

    async def are_in_all_phases(self) -> None:
        await asyncio.gather(*(event.wait() for event in self.reached))

    def go_on(self) -> None:
        self.told.set()
        self.busy.points.release(STAGING)
        self.busy.points.release(PUBLISHING)


@asynccontextmanager
async def busy_executor(
    stage: Stage, *, data_folder: Path, name: str = "busy", leases_at_once: int = PHASES, **settings: str
) -> AsyncIterator[Busy]:
    """One on the Spark of the stage, which asks for nothing until its wire is opened."""
    scene = stage.scene
    async with AsyncExitStack() as ends:
        points = await ends.enter_async_context(failpoints())
        wire = await ends.enter_async_context(interposed(scene.control_plane.address, scene.watch))
        executor = await add_executor(
            scene.installation,
            name=name,
            control_plane=wire.address,
            data_folder=data_folder,
            spark_conf={},
            prepare=points.govern,
            spark_master=stage.spark_url,
            leases_at_once=str(leases_at_once),
            **settings,
        )
        yield Busy(Wired(executor, wire), points)
