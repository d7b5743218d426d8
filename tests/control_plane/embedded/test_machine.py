"""The one-machine mode: what it starts, what it refuses, and what it leaves behind."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
from pathlib import Path

import grpc
import pytest
from autoloader.v1.ingestions_pb2 import ListIngestionsRequest
from autoloader.v1.ingestions_pb2_grpc import IngestionServiceStub

from control_plane.embedded.errors import MachineError
from control_plane.embedded.machine import Machine, run_machine
from control_plane.embedded.ports import HOST, Ports
from tests.e2e.services import free_ports

PARENT = """
import asyncio, os, sys
from pathlib import Path
from control_plane import log
from control_plane.embedded.machine import run_machine
from control_plane.embedded.ports import Ports

log.configure(format="json", level="info", stream=sys.stderr)

async def main():
    async with run_machine(Path(sys.argv[1]), ports=Ports()) as machine:
        print("children", *(child.pid for child in machine.children.values()), flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def answers(machine: Machine) -> bool:
    async with grpc.aio.insecure_channel(machine.address) as channel:
        await IngestionServiceStub(channel).ListIngestions(ListIngestionsRequest())
    return True


async def test_a_machine_serves_and_a_second_one_on_its_folder_is_refused(tmp_path: Path) -> None:
    async with run_machine(tmp_path / "a folder", ports=Ports()) as machine:
        assert await answers(machine)
        with pytest.raises(MachineError, match="another autoloader works on"):
            async with run_machine(tmp_path / "a folder", ports=Ports()):
                pass
        assert await answers(machine)


async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    server = await asyncio.start_server(lambda *_: None, HOST, port)
    async with server:
        with pytest.raises(MachineError, match=f"port {port} cannot be used"):
            async with run_machine(tmp_path, ports=Ports(metrics=port)):
                pass


async def test_work_fails_when_a_child_dies(tmp_path: Path) -> None:
    async with run_machine(tmp_path, ports=Ports()) as machine:
        os.kill(machine.children["executor"].pid, signal.SIGKILL)
        with pytest.raises(MachineError, match="the executor ended"):
            await machine.run(asyncio.Event().wait())


async def test_work_that_ends_first_is_answered(tmp_path: Path) -> None:
    async with run_machine(tmp_path, ports=Ports()) as machine:
        assert await machine.run(answers(machine))


@pytest.mark.skipif(sys.platform != "linux", reason="waits for processes that are not its own")
async def test_every_child_ends_with_a_killed_parent(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT, str(tmp_path)), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout
    _, *pids = (await parent.stdout.readline()).split()
    children = [os.pidfd_open(int(pid)) for pid in pids]
    assert len(children) == 2
    parent.kill()
    await parent.wait()
    for child in children:
        async with asyncio.timeout(60):
            await asyncio.to_thread(select.select, [child], [], [])
        os.close(child)
