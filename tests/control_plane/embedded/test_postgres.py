"""The embedded PostgreSQL: its whole life, and what is left when its parent is killed."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from control_plane.embedded.errors import MachineError
from control_plane.embedded.postgres import run_postgres
from control_plane.embedded.tether import tethered

PARENT = """
import asyncio, sys
from pathlib import Path
from control_plane.embedded.postgres import run_postgres

async def main():
    async with run_postgres(Path(sys.argv[1])) as postgres:
        print(postgres.url, postgres.process.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def fetch(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def start_parent(folder: Path) -> tuple[asyncio.subprocess.Process, str, int]:
    """A process that runs a server; its url, and the server's process id."""
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT, str(folder)), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout
    url, pid = (await parent.stdout.readline()).decode().split()
    return parent, url, int(pid)


@contextlib.asynccontextmanager
async def another_process(owner: os.stat_result) -> AsyncIterator[int]:
    """The id of a process of an account."""
    command = tethered(["/bin/sh", "-c", "echo; exec sleep 600"], uid=owner.st_uid, gid=owner.st_gid)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout
    await process.stdout.readline()
    yield process.pid
    process.kill()
    await process.wait()


async def test_rows_are_there_after_a_restart(tmp_path: Path) -> None:
    async with run_postgres(tmp_path / "postgres") as postgres:
        await fetch(postgres.url, "CREATE TABLE t AS SELECT 7 AS i")
    async with run_postgres(tmp_path / "postgres") as postgres:
        assert await fetch(postgres.url, "SELECT i FROM t") == 7
    assert postgres.process.returncode == 0


async def test_it_serves_this_machine_alone_and_asks_for_a_password(tmp_path: Path) -> None:
    async with run_postgres(tmp_path / "postgres") as postgres:
        parts = urlsplit(postgres.url)
        with pytest.raises(asyncpg.InvalidPasswordError):
            await fetch(postgres.url.replace(f":{parts.password}@", ":wrong@"), "SELECT 1")
        assert await fetch(postgres.url, "SHOW listen_addresses") == "127.0.0.1"
        assert await fetch(postgres.url, "SHOW unix_socket_directories") == ""
        assert await fetch(postgres.url, "SHOW fsync") == "on"
    assert str(parts.password) not in repr(postgres)
    assert (tmp_path / "postgres" / "password").stat().st_mode & 0o077 == 0


async def test_the_server_ends_with_a_killed_parent_and_the_next_one_takes_over(tmp_path: Path) -> None:
    parent, url, _ = await start_parent(tmp_path / "postgres")
    await fetch(url, "CREATE TABLE t AS SELECT 7 AS i")
    parent.kill()
    await parent.wait()
    with (tmp_path / "postgres" / "server.lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)  # every process of the server has ended
    async with run_postgres(tmp_path / "postgres") as postgres:
        assert await fetch(postgres.url, "SELECT i FROM t") == 7


async def test_a_folder_that_another_server_keeps_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("control_plane.embedded.postgres.STOP_SECONDS", 0.1)
    async with run_postgres(tmp_path / "postgres"):
        with pytest.raises(MachineError, match="another PostgreSQL runs on"):
            async with run_postgres(tmp_path / "postgres"):
                pass


async def test_a_crashed_server_recovers_whoever_has_its_process_id_now(tmp_path: Path) -> None:
    parent, url, server = await start_parent(tmp_path / "postgres")
    await fetch(url, "CREATE TABLE t AS SELECT 7 AS i")
    os.kill(server, signal.SIGKILL)
    parent.kill()
    await parent.wait()
    async with another_process((tmp_path / "postgres" / "cluster").stat()) as pid:
        pid_file = tmp_path / "postgres" / "cluster" / "postmaster.pid"
        _, *others = pid_file.read_text().splitlines()
        pid_file.write_text("\n".join([str(pid), *others]) + "\n")
        async with run_postgres(tmp_path / "postgres") as postgres:
            assert await fetch(postgres.url, "SELECT i FROM t") == 7


async def test_a_making_that_was_cut_short_is_begun_again(tmp_path: Path) -> None:
    partial = tmp_path / "postgres" / "cluster.partial"
    partial.mkdir(parents=True)
    (partial / "PG_VERSION").write_text("18\n")
    async with run_postgres(tmp_path / "postgres") as postgres:
        assert await fetch(postgres.url, "SELECT 1") == 1


async def test_it_ends_when_its_block_is_cancelled(tmp_path: Path) -> None:
    started: asyncio.Future[asyncio.subprocess.Process] = asyncio.get_running_loop().create_future()

    async def run() -> None:
        async with run_postgres(tmp_path / "postgres") as postgres:
            started.set_result(postgres.process)
            await asyncio.Event().wait()

    task = asyncio.create_task(run())
    process = await started
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert process.returncode == 0
