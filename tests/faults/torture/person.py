"""The person whom a publication in doubt waits for: looks into the table, and says what is there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from autoloader.v1 import runs_pb2

from tests.faults.torture.calls import Calls
from tests.faults.torture.tables import Tables
from tests.faults.torture.user import Ingestion, a_request_id

# A publisher may have looked at the table, and be asleep or paused before it publishes. In the world a person waits for
# more than the minute for which a look holds; here nobody sleeps that long.
SURE_SECONDS = 12.0
LOOK_SECONDS = 1.0


@dataclass(slots=True)
class Person:
    """Resolves each lease once the table cannot change under it any more. `resolved` are those that were."""

    calls: Calls
    tables: Tables
    table_of: Mapping[str, str]
    resolved: set[str] = field(default_factory=set)

    async def keep_resolving(self, ingestion: Ingestion) -> None:
        while True:
            await self.resolve(ingestion)
            await asyncio.sleep(LOOK_SECONDS)

    async def resolve(self, ingestion: Ingestion) -> None:
        """Resolves all that is in doubt now."""
        runs = await ingestion.runs_in_doubt()
        if runs:
            await asyncio.sleep(SURE_SECONDS)
        for run in runs:
            for lease in run.leases_in_doubt:
                await self._resolve(ingestion, run.name, lease)

    async def _resolve(self, ingestion: Ingestion, run: str, lease: str) -> None:
        rows = await self.tables.rows_of(self.table_of[ingestion.name], self.calls.files[lease])
        kinds = runs_pb2.ResolvePublishRequest
        await ingestion.user.say_twice(
            runs_pb2.ResolvePublishRequest(
                name=run,
                lease=lease,
                resolution=kinds.RESOLUTION_PUBLISHED if rows else kinds.RESOLUTION_NOT_PUBLISHED,
                request_id=a_request_id(),
            )
        )
        self.resolved.add(lease)
