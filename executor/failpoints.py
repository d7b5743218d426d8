"""Named points at which a test can make this service fail: killed, held up, or told that what happened did not.

A point that follows an effect (a commit, a staged or picked snapshot) stands after it: what is raised there says that
something failed which has happened. In service the points do nothing, and no setting changes that: a test arms them
from inside the process.
"""

from __future__ import annotations

from collections.abc import Callable

_hook: Callable[[str], None] | None = None


def arm(hook: Callable[[str], None]) -> None:
    """Has the hook called with the name of each point that is passed; what it raises is raised there."""
    global _hook
    _hook = hook


def failpoint(name: str) -> None:
    if _hook is not None:
        _hook(name)
