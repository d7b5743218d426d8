"""Ends this process when its parent does, however the parent dies."""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable

POLL_SECONDS = 1.0


def exit_with_parent(*, leave: Callable[[], object] = lambda: os._exit(0)) -> None:
    """Leaves at once when standard input, a pipe from the parent, ends, or the parent is gone.

    Leaves hard: there may be threads that no one can stop, and Spark's JVM ends with its own pipe.
    The parent's id is looked at because a sibling may hold the pipe open. Linux would send a signal
    (PR_SET_PDEATHSIG), but when the *thread* ends that started us, which may be a worker of a pool.
    """
    watch = threading.Thread(target=_watch, args=(sys.stdin.fileno(), os.getppid(), leave), daemon=True, name="parent")
    watch.start()


def _watch(pipe: int, parent: int, leave: Callable[[], object]) -> None:
    while os.getppid() == parent:
        readable, _, _ = select.select([pipe], [], [], POLL_SECONDS)
        if readable and not os.read(pipe, 4096):
            break
    leave()
