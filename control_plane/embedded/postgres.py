"""A PostgreSQL server of our own, from `async with` to its end."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import signal
import socket
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import asyncpg

from control_plane.embedded.cluster import OWNER, Cluster
from control_plane.embedded.errors import MachineError
from control_plane.embedded.tether import KERNEL_WATCHES, watched

HOST = "127.0.0.1"
DATABASE = "autoloader"
START_ATTEMPTS = 3
START_SECONDS = 60.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedPostgres:
    """A running server; `url` connects as the owner of the database `autoloader`, who may create others."""

    url: str = field(repr=False)
    process: Process


@contextlib.asynccontextmanager
async def run_postgres(folder: Path) -> AsyncIterator[EmbeddedPostgres]:
    """Runs a server whose state is kept in `folder`; what a killed one left there recovers.

    Raises MachineError when the server cannot be started, or when another one keeps holding the folder.
    """
    cluster = Cluster(folder)
    with cluster.lock.open("w") as lock:
        await _acquire(lock, cluster)
        password = await cluster.make()
        server = await _start(cluster, lock, password=password)
    try:
        with contextlib.nullcontext() if KERNEL_WATCHES else watched(server.process.pid):
            yield server
    finally:
        await _stop(server.process)


async def _acquire(lock: IO[str], cluster: Cluster) -> None:
    """Waits for what is left of a server whose parent was killed."""
    for _ in range(round(STOP_SECONDS / POLL_SECONDS)):
        if _locked(lock):
            return
        await asyncio.sleep(POLL_SECONDS)
    raise MachineError(f"another PostgreSQL runs on {cluster.data}: end the process named in its postmaster.pid")


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _start(cluster: Cluster, lock: IO[str], *, password: str) -> EmbeddedPostgres:
    """Tries several times: between our choice of a port and the start somebody may take it."""
    for _ in range(START_ATTEMPTS):
        port = _free_port()
        process = await _spawn(cluster, lock, port=port)
        url = f"postgresql://{OWNER}:{password}@{HOST}:{port}"
        if await _answers(process, f"{url}/postgres"):
            return EmbeddedPostgres(url=f"{url}/{DATABASE}", process=process)
        await _stop(process)
    raise MachineError(f"PostgreSQL does not start: {cluster.last_words()}")


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


async def _spawn(cluster: Cluster, lock: IO[str], *, port: int) -> Process:
    """The server and every process of it inherit the lock.

    While we hold it none of an older server is alive, and its `postmaster.pid` is stale, whoever
    has that number now.
    """
    (cluster.data / "postmaster.pid").unlink(missing_ok=True)
    return await cluster.run(
        "postgres",
        *("-h", HOST, "-p", str(port), "-k", ""),
        folder=cluster.data,
        keep=(lock.fileno(),),
    )


async def _answers(process: Process, url: str) -> bool:
    """Waits until the server has our database; false when it ended or stays silent."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(START_SECONDS):
            while process.returncode is None:
                with contextlib.suppress(OSError, asyncpg.CannotConnectNowError):
                    await _create_database(url)
                    return True
                await asyncio.sleep(POLL_SECONDS)
    return False


async def _create_database(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        with contextlib.suppress(asyncpg.DuplicateDatabaseError):
            await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()


async def _stop(process: Process) -> None:
    """Asks for a fast shutdown, then for an immediate one, after which the next start recovers."""
    for order in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(order)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
            return
