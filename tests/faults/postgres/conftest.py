"""One control plane for the faults that it outlives at once."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.faults.postgres.scene import UNHURRIED_SECONDS, Scene, serving
from tests.postgres import PostgresServer


@pytest.fixture(scope="session")
async def scene(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """A scene with leases that outlast a test."""
    folder = tmp_path_factory.mktemp("postgres")
    async with (
        postgres.database() as url,
        serving(url, folder, lease_seconds=UNHURRIED_SECONDS, poll_seconds=1.0) as it,
    ):
        yield it
