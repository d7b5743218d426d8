"""Children that end with their parents."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from control_plane.embedded import tether

PARENT = """
import contextlib, os, subprocess, sys
from control_plane.embedded.tether import tethered, watched

how, inherited = sys.argv[1], int(sys.argv[2])
command = ["/bin/sh", "-c", "echo started; exec sleep 600"]
if how == "kernel":
    command = tethered(command, uid=os.geteuid(), gid=os.getegid())
child = subprocess.Popen(command, pass_fds=[inherited], stdout=subprocess.PIPE)
os.close(inherited)
child.stdout.readline()
with watched(child.pid) if how == "watcher" else contextlib.nullcontext():
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("how", ["kernel", "watcher"])
async def test_a_child_ends_when_its_parent_is_killed(how: str) -> None:
    if how == "kernel" and not tether.KERNEL_WATCHES:
        pytest.skip("this kernel watches nobody's parent")
    ours, theirs = os.pipe()
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT, how, str(theirs)),
        pass_fds=[theirs],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    os.close(theirs)
    assert parent.stdout
    await parent.stdout.readline()
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    async with asyncio.timeout(30):
        assert await asyncio.to_thread(os.read, ours, 1) == b""  # the child held its other end
    os.close(ours)


async def test_a_child_whose_parent_died_before_its_start_does_not_start() -> None:
    command = tether.tethered(["/bin/echo", "started"], uid=os.geteuid(), gid=os.getegid())
    command[command.index(str(os.getpid()))] = "1"
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await child.communicate()
    assert output == b""
