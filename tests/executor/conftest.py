"""What the executor's tests share: a scripted control plane, and a client that speaks to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from executor.credentials import KeyRing
from executor.lease_client import LeaseClient
from executor.wire import Caller, open_channel
from tests.executor.lease_service import ScriptedLeaseService, served


@pytest.fixture
async def service() -> ScriptedLeaseService:
    return ScriptedLeaseService()


@pytest.fixture
async def client(service: ScriptedLeaseService) -> AsyncIterator[LeaseClient]:
    async with served(service) as address, open_channel(address) as channel:
        yield LeaseClient(
            channel,
            executor="tester",
            pool="default",
            keys=KeyRing(variables=frozenset({"KEY", "SECRET"}), environment={"KEY": "k"}),
            caller=Caller(pause_seconds=lambda attempt: 0.01),
        )
