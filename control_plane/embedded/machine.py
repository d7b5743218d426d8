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
from control_plane.embedded.executor import EXECUTOR_LOG, run_executor
from control_plane.embedded.ports import HOST, Ports
from control_plane.embedded.postgres import run_postgres
from control_plane.embedded.warehouse import Warehouse
from control_plane.ledger.migrate import migrate
from control_plane.settings import Settings
from control_plane.vault import make_key

# Executors here die with us: their leases need not wait for long.
LEASE_SECONDS = 15.0
CONTROL_PLANE_LOG = "control-plane.log"

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine that runs: where it keeps things, where it listens, and the children it needs."""

    folder: Path
    address: str
    warehouse: Warehouse
    children: dict[str, Process]

    async def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Does some work that needs every child; raises MachineError when one ends before it."""
        working = asyncio.ensure_future(work)
        living = {asyncio.ensure_future(child.wait()): name for name, child in self.children.items()}
        try:
            await asyncio.wait({working, *living}, return_when=asyncio.FIRST_COMPLETED)
            for ended in filter(asyncio.Future.done, living):
                raise MachineError(f"the {living[ended]} ended; the logs in {self.folder} say why")
            return await working
        finally:
            await _cancel(working, *living)


@contextlib.asynccontextmanager
async def run_machine(folder: Path, *, ports: Ports, loads: bool = True) -> AsyncIterator[Machine]:
    """Runs a machine whose state is kept in `folder`, one process at a time; one that does not load has no executor.

    Raises MachineError when something is missing, in the way or does not start.
    """
    folder = _made(folder)
    warehouse = Warehouse(folder)
    async with contextlib.AsyncExitStack() as ends:
        ends.enter_context(_alone(folder / "machine.lock"))
        ports.refuse_taken()
        postgres = await ends.enter_async_context(run_postgres(folder / "postgres"))
        await migrate(postgres.url)
        app = App(_settings(folder, postgres.url, ports))
        await ends.enter_async_context(app)
        children = {"PostgreSQL": postgres.process}
        if loads:
            settings = _executor_settings(app.address, warehouse, ports)
            executor = run_executor(settings, log=folder / EXECUTOR_LOG)
            children["executor"] = await ends.enter_async_context(executor)
        yield Machine(folder=folder, address=app.address, warehouse=warehouse, children=children)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


def _settings(folder: Path, database_url: str, ports: Ports) -> Settings:
    """Whoever runs this machine may read its files anyway, and knows its other servers."""
    key = folder / "sealing.key"
    if not key.exists():
        make_key(key)
    return Settings(
        database_url=SecretStr(database_url),
        sealing_key_file=key,
        listen=f"{HOST}:{ports.grpc}",
        metrics_listen=f"{HOST}:{ports.metrics}" if ports.metrics else "off",
        allowed_local_folders=frozenset({Path("/")}),
        allow_loopback_endpoints=True,
        lease_seconds=LEASE_SECONDS,
    )


def _executor_settings(address: str, warehouse: Warehouse, ports: Ports) -> dict[str, str]:
    """Starts Spark at once: somebody waits for it."""
    return warehouse.executor_settings(address) | {
        "name": "local",
        "metrics_port": str(ports.executor_metrics),
        "warm_start": "true",
        "log_format": "json",
    }


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Holds a lock that the system lets go of when we die."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MachineError(
                f"another autoloader works on {path.parent}; wait for it, or name another --data"
            ) from None
        yield


async def _cancel(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
