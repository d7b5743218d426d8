"""Ends a child process when its parent ends, however that ends; run as a script, it becomes the child.

What happens between fork and exec happens in this script, not in a `preexec_fn`: threads of gRPC crash about one in ten
children that are forked to run Python before their program.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence

KERNEL_WATCHES = sys.platform == "linux"
PR_SET_PDEATHSIG = 1
WATCH = 'read -r _; kill -s INT "$1" 2>/dev/null'


def tethered(command: Sequence[str], *, uid: int, gid: int) -> list[str]:
    """A command that the kernel interrupts when the caller dies, run as an account; see also `watched`.

    The kernel watches the *thread* that starts it: do so from one that lives as long as the process.
    """
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(uid), str(gid), *command]


@contextlib.contextmanager
def watched(pid: int) -> Iterator[None]:
    """Interrupts a process when we die within the block; by another process, for where the kernel does not.

    The other one reads a pipe from us, which ends when we do.
    """
    command = ["/bin/sh", "-c", WATCH, "sh", str(pid)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as watcher:
        try:
            yield
        finally:
            watcher.kill()


def main(parent: str, uid: str, gid: str, *command: str) -> None:
    """Becomes the command. The tether comes after the change of account, which would undo it."""
    if os.geteuid() != int(uid):
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    if KERNEL_WATCHES:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)
    if os.getppid() == int(parent):  # else it died before we asked
        os.execv(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
