"""Everything on one machine: PostgreSQL, the control plane and an executor on one data folder."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr

from control_plane.app import App
from control_plane.embedded.errors import MachineError
from control_plane.embedded.executor import run_executor, settings_for
from control_plane.embedded.postgres import run_postgres
from control_plane.embedded.warehouse import CATALOG, Warehouse
from control_plane.settings import Settings
from control_plane.vault import make_key

# Executors here die with us: their leases need not wait for long.
LEASE_SECONDS = 15.0
ANY_FREE_PORT = "127.0.0.1:0"

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine that runs: where it listens, where its tables are, and the children it needs."""

    address: str
    metrics_address: str
    warehouse: Warehouse
    children: dict[str, Process]

    async def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Does some work that needs every child; raises MachineError when one ends before it."""
        working = asyncio.ensure_future(work)
        living = {asyncio.ensure_future(child.wait()): name for name, child in self.children.items()}
        try:
            await asyncio.wait({working, *living}, return_when=asyncio.FIRST_COMPLETED)
            for ended in filter(asyncio.Future.done, living):
                raise MachineError(f"the {living[ended]} ended; its log says why")
            return await working
        finally:
            await _cancel(working, *living)


@contextlib.asynccontextmanager
async def run_machine(
    folder: Path, *, listen: str = ANY_FREE_PORT, metrics_listen: str = "off"
) -> AsyncIterator[Machine]:
    """Runs a machine whose state is kept in `folder`, one process at a time.

    Raises MachineError when something is missing, in the way or does not start.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    warehouse = Warehouse(folder)
    with _alone(folder / "machine.lock"):
        async with (
            run_postgres(folder / "postgres") as postgres,
            App(_settings(folder, postgres.url, listen, metrics_listen)) as app,
            run_executor(
                settings_for(app.address, warehouse.spark_conf(), catalog=CATALOG),
                log=folder / "executor.log",
            ) as executor,
        ):
            yield Machine(
                address=app.address,
                metrics_address=app.metrics_address,
                warehouse=warehouse,
                children={"PostgreSQL server": postgres.process, "executor": executor},
            )
