"""The base of every loop: wake, turn, log a failure, jittered sleep."""

from __future__ import annotations

import asyncio
import contextlib
import random
from abc import ABC, abstractmethod
from collections.abc import Iterator

import structlog

from control_plane import failpoints
from control_plane.errors import LedgerUnavailable
from control_plane.wake import Wake

LONGEST_PAUSE_SECONDS = 30.0
_log = structlog.get_logger()


class Loop(ABC):
    """A duty that repeats. A turn that fails is logged, and tried again after a growing pause."""

    def __init__(self, *, poll_seconds: float, wake: Wake | None = None) -> None:
        self._poll_seconds = poll_seconds
        self._wake = wake or Wake()

    @abstractmethod
    async def turn(self) -> bool:
        """Does what is to be done now; True when there may be more at once."""

    async def run(self) -> None:
        """Takes turns until it is cancelled."""
        failpoints.enter(type(self).__name__.lower())
        failures = 0
        while True:
            try:
                more = await self.turn()
                failures = 0
            except Exception as error:
                more = False
                failures += 1
                self._log_failure(error, failures)
            if not more:
                await self._rest(failures)

    @contextlib.contextmanager
    def logged(self, event: str, **fields: object) -> Iterator[None]:
        """Logs what fails inside and goes on, unless the ledger is away: that ends the turn."""
        try:
            yield
        except LedgerUnavailable:
            raise
        except Exception:
            _log.exception(event, **fields)

    async def _rest(self, failures: int) -> None:
        jitter = random.uniform(0.8, 1.2)
        if failures:
            await asyncio.sleep(jitter * min(self._poll_seconds * 2**failures, LONGEST_PAUSE_SECONDS))
        else:
            await self._wake.wait(jitter * self._poll_seconds)

    def _log_failure(self, error: Exception, failures: int) -> None:
        name = type(self).__name__.lower()
        if isinstance(error, LedgerUnavailable):
            _log.warning("loop_waits_for_ledger", loop=name, failures=failures)
        else:
            _log.exception("loop_turn_failed", loop=name, failures=failures)
