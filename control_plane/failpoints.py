"""Named points at which a test can make this service fail: killed, held up, or told that what happened did not.

A point that follows an effect (a commit, a staged or picked snapshot) stands after it: what is raised there says that
something failed which has happened. In service the points do nothing, and no setting changes that: a test arms them
from inside the process.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

_operation = ContextVar("operation", default="other")
_hook: Callable[[str], None] | None = None


def arm(hook: Callable[[str], None]) -> None:
    """Has the hook called with the name of each point that is passed; what it raises is raised there."""
    global _hook
    _hook = hook


def enter(operation: str) -> None:
    """Names the operation of this task, `StageLease` or `reaper`, for the points of its transactions."""
    _operation.set(operation)


def failpoint(name: str) -> None:
    if _hook is not None:
        _hook(name)


def failpoint_of_operation(side: str) -> None:
    """The point of this task's operation on one side of its commit: `StageLease.before_commit`."""
    if _hook is not None:
        _hook(f"{_operation.get()}.{side}")
