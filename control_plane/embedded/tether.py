"""Ends a child process when its parent ends, however that ends."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

KERNEL_WATCHES = sys.platform == "linux"
PR_SET_PDEATHSIG = 1
WATCH = 'read -r _; kill -s INT "$1" 2>/dev/null'


def tether() -> Callable[[], None] | None:
    """What a child calls before its program, so that the kernel interrupts it when its parent dies.

    The kernel watches the *thread* that started the child: start it from one that lives as long as
    the parent. None where the kernel has no such service; there `watched` does it.
    """
    if not KERNEL_WATCHES:
        return None
    parent = os.getpid()
    libc = ctypes.CDLL(None, use_errno=True)

    def interrupt_me_when_my_parent_dies() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return interrupt_me_when_my_parent_dies


@contextlib.contextmanager
def watched(pid: int) -> Iterator[None]:
    """Interrupts a process when our end of a pipe closes, as it does when we die within `with`."""
    watcher = subprocess.Popen(["/bin/sh", "-c", WATCH, "sh", str(pid)], stdin=subprocess.PIPE, start_new_session=True)
    with watcher:
        try:
            yield
        finally:
            watcher.kill()
