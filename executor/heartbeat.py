"""Keeps a lease alive while it is worked on, and tells the work when it is ours no longer."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Protocol, Self

import structlog

from executor.failpoints import failpoint
from executor.lease import Lease
from executor.lease_client import Renewal
from executor.wire import ControlPlaneRefused, LeaseFenced, boot_seconds

# We give up before the server may hand the lease on: its clock and ours may differ in rate.
MARGIN = 0.1
RENEWALS_PER_TTL = 3

log = structlog.get_logger()


class LeaseLost(Exception):
    """The lease is not ours any more, or may not be."""


class Renews(Protocol):
    """What a heartbeat asks of the lease client."""

    async def renew(self, lease: Lease, *, deadline_seconds: float) -> Renewal: ...


class Heartbeat:
    """`async with Heartbeat(client, lease)`: the lease is ours inside, as far as `check_held` says.

    The first renewal goes out before anything inside runs: it counts the attempt, and trust begins
    with it (an acquisition may have been waited for longer than its lease lasts). Trust lasts for
    the ttl, less a margin, from the moment at which the renewal that was answered was *sent*.
    Renewals run on the event loop, which nothing blocks: the work is done in threads.
    """

    def __init__(self, client: Renews, lease: Lease) -> None:
        self._client = client
        self._lease = lease
        self._ttl_seconds = lease.ttl_seconds
        self._trusted_until = 0.0
        self._ended: str | None = None
        self._beating: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Raises LeaseLost when no answer comes within the ttl, LeaseFenced when told to stop."""
        try:
            async with asyncio.timeout(self._ttl_seconds):
                await self._renew()
        except TimeoutError as error:
            raise LeaseLost("the first renewal was not answered within the ttl") from error
        self._beating = asyncio.create_task(self._beat())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def check_held(self) -> None:
        """Raises LeaseLost unless the lease is surely ours. May be called from any thread."""
        if self._ended is not None:
            raise LeaseLost(self._ended)
        if boot_seconds() >= self._trusted_until:
            raise LeaseLost("no renewal was answered in time")

    def stop(self) -> None:
        """Renews no more; a thread that still works on the lease hears so from `check_held`."""
        self._ended = self._ended or "the executor is done with it"
        if self._beating is not None:
            self._beating.cancel()

    async def _beat(self) -> None:
        """Renews until told to stop. Trust that ran out comes back if a late answer says so."""
        while self._ended is None:
            await asyncio.sleep(self._ttl_seconds / RENEWALS_PER_TTL)
            try:
                failpoint("executor.heartbeat")
                await self._renew()
            except LeaseFenced as error:
                self._ended = str(error)
                log.warning("lease_stopped", reason=self._ended)
            except ControlPlaneRefused as error:
                log.error("renewal_refused", reason=str(error))

    async def _renew(self) -> None:
        renewal = await self._client.renew(self._lease, deadline_seconds=self._ttl_seconds / RENEWALS_PER_TTL)
        self._ttl_seconds = renewal.ttl_seconds
        self._trusted_until = renewal.sent_at + renewal.ttl_seconds * (1 - MARGIN)
