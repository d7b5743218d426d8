"""Measures the memory of a control plane that lists and records a bucket, and lists it again, as a process of its own.

Run as `python -m tests.bench.memory [pages]`; a page has 1,000 objects.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
import time
from pathlib import Path

from autoloader.v1 import ingestions_pb2, runs_pb2

from tests.bench.listing import canned_pages
from tests.e2e.client import Client, connected
from tests.e2e.services import ControlPlane
from tests.postgres import running_postgres

PAGES_DEFAULT = 1_000


async def main(pages: int) -> None:
    with tempfile.TemporaryDirectory() as folder, canned_pages(pages) as endpoint:
        async with running_postgres() as server, server.database() as url:
            control = ControlPlane(Path(folder), database_url=url, local_folders=[], lease_seconds=60)
            try:
                await control.start()
                _print("started", control.process_id)
                async with connected(control.address) as client:
                    await _measure(client, control.process_id, endpoint, objects=pages * 1_000)
            finally:
                control.kill()
                await control.ended()


async def _measure(client: Client, process_id: int, endpoint: str, *, objects: int) -> None:
    ingestion = await client.create(_bucket(endpoint), table="bench.listed")
    for what in ("first discovery", "nothing new"):
        began = time.monotonic()
        run = await client.start_run(ingestion)
        await _listed(client, run, objects)
        _print(f"{what}: {objects:,} objects in {time.monotonic() - began:.1f} s", process_id)
        await client.runs.CancelRun(runs_pb2.CancelRunRequest(name=run))
        await client.rested(run)


def _bucket(endpoint: str) -> ingestions_pb2.Source:
    keys = ingestions_pb2.StaticKeys(access_key_id="key", secret_access_key="secret")
    return ingestions_pb2.Source(
        uri="s3://bucket/data",
        s3=ingestions_pb2.S3Options(endpoint=endpoint),
        credentials=ingestions_pb2.Credentials(static_keys=keys),
    )


async def _listed(client: Client, run: str, objects: int) -> None:
    async for seen in client.runs.WatchRun(runs_pb2.WatchRunRequest(name=run)):
        if seen.objects_listed >= objects:
            return


def _print(what: str, process_id: int) -> None:
    status = Path(f"/proc/{process_id}/status").read_text()
    now, most = (int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) / 1024 for name in ("VmRSS", "VmHWM"))  # type: ignore[index]
    print(f"{what}: {now:,.0f} MB resident, {most:,.0f} MB at most", flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else PAGES_DEFAULT))
