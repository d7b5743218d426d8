"""Wakes those who wait for something to do. A wake-up is a hint: whoever waits also polls."""

from __future__ import annotations

import asyncio
import contextlib


class Wake:
    """An event for any number of waiters; a signal reaches those who wait, and the next one to come."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def signal(self) -> None:
        """Wakes every waiter."""
        self._event.set()

    async def wait(self, seconds: float) -> bool:
        """Returns True after a signal, or False after `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
        signalled = self._event.is_set()
        self._event.clear()
        return signalled


class Wakes:
    """The wake-ups of a control plane, one a kind of news."""

    def __init__(self) -> None:
        self.runs_opened = Wake()
        self.files_recorded = Wake()
        self.leases_offered = Wake()
        self.runs_changed = Wake()
        self.runs_ended = Wake()
        self.previews_answered = Wake()
