"""Runs a service of ours with its failpoints in a test's hand: `python -m tests.faults.armed executor`."""

from __future__ import annotations

import contextlib
import importlib
import os
import runpy
import signal
import socket
import sys
import time

SOCKET_VARIABLE = "FAILPOINTS_SOCKET"


class InjectedFault(OSError):
    """Looks like a connection that broke."""


def pass_point(name: str) -> None:
    """Asks the test what is to happen here, and does it."""
    with socket.socket(socket.AF_UNIX) as test:
        match _asked(test, name).split():
            case ["kill"]:
                os.kill(os.getpid(), signal.SIGKILL)
            case ["raise"]:
                raise InjectedFault(f"injected at {name}")
            case ["sleep", seconds]:
                time.sleep(float(seconds))
            case ["wait"]:
                _wait_for_end(test)


def _asked(test: socket.socket, name: str) -> str:
    with contextlib.suppress(OSError):  # the test is over
        test.connect(os.environ[SOCKET_VARIABLE])
        test.sendall(f"{name}\n".encode())
        return test.makefile().readline()
    return ""


def _wait_for_end(test: socket.socket) -> None:
    """Blocks this thread, or the whole process where its event loop passes the point, until the test hangs up."""
    with contextlib.suppress(OSError):
        test.recv(1)


if __name__ == "__main__":
    service = sys.argv.pop(1)
    importlib.import_module(f"{service}.failpoints").arm(pass_point)
    runpy.run_module(service, run_name="__main__", alter_sys=True)
