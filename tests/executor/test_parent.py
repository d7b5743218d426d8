"""A process that follows its parent into death."""

from __future__ import annotations

import os
import subprocess
import sys

CHILD = """
import time
from executor.parent import exit_with_parent
exit_with_parent()
print("up", flush=True)
time.sleep(60)
"""


def test_it_ends_when_standard_input_ends() -> None:
    with subprocess.Popen([sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None and child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        assert child.poll() is None
        child.stdin.close()
        assert child.wait(timeout=10) == 0


def test_it_ends_when_its_parent_dies_though_another_holds_the_pipe() -> None:
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}])"
    held_open, end = os.pipe()
    with subprocess.Popen([sys.executable, "-c", parent], stdin=held_open, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.kill()
        # The output ends when the last process that writes to it has ended.
        assert process.stdout.read() == b""
    os.close(held_open)
    os.close(end)
