"""What races need besides the scene of the matrix: an executor with many leases at once, and a second control plane."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.e2e.installation import jars_folder
from tests.faults.matrix.stage import Stage
from tests.faults.races.busy import Busy, busy_executor


@pytest.fixture(scope="session")
async def busy_of_all(stage_of_all: Stage, pytestconfig: pytest.Config) -> AsyncIterator[Busy]:
    async with busy_executor(stage_of_all, data_folder=jars_folder(pytestconfig)) as busy:
        yield busy


@pytest.fixture
async def busy(stage: Stage, busy_of_all: Busy) -> AsyncIterator[Busy]:
    yield busy_of_all
    busy_of_all.points.disarm()
    await busy_of_all.wired.revive()
