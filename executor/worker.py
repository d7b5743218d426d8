"""Takes leases one after the other and works on each, until it is told to drain."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from contextlib import suppress

import structlog

from executor.attempt import Attempt
from executor.backoff import backoff_seconds
from executor.ending import Ending
from executor.failpoints import failpoint
from executor.heartbeat import Heartbeat, LeaseLost
from executor.lease import Lease
from executor.lease_client import FailedLease, Granted, LeaseClient, Refused
from executor.metrics import Metrics
from executor.room import Room
from executor.spark_work import Loader
from executor.wire import ControlPlaneRefused, LeaseFenced

ACQUIRE_WAIT_SECONDS = 20.0
# A server that does not wait, though asked to, is not asked in a busy loop.
IDLE_SECONDS = 0.05
# Iceberg orders snapshots by the writer's clock.
CLOCK_ERROR_SECONDS_MAX = 30.0
GOODBYE_SECONDS = 2.0
# Within what a lease at hand is given to end: one that has none must not be cut short.
LAST_ASK_SECONDS = 0.3

log = structlog.get_logger()
Answer = Granted | Refused | None


def pause_after_trouble(turn: int) -> float:
    return backoff_seconds(turn, first=0.5, longest=30.0)


class Worker:
    """One lease at a time: acquire, hold, work, end. It outlives whatever goes wrong with one.

    `room` is shared by the workers of a process.
    """

    def __init__(
        self,
        *,
        client: LeaseClient,
        loader: Loader,
        metrics: Metrics,
        draining: asyncio.Event,
        room: Room | None = None,
        pause_seconds: Callable[[int], float] = pause_after_trouble,
    ) -> None:
        self._client = client
        self._loader = loader
        self._metrics = metrics
        self._draining = draining
        self._room = room or Room()
        self._pause_seconds = pause_seconds

    async def run(self) -> None:
        """Ends with the lease at hand once draining begins. Cancelled, gives that lease back."""
        troubles = 0
        while not self._draining.is_set():
            if await self._turn():
                troubles = 0
            else:
                await self._rest(self._pause_seconds(troubles))
                troubles += 1

    async def _turn(self) -> bool:
        """Whether all went as it should, so that the next turn may follow at once."""
        try:
            granted = await self._acquire()
        except ControlPlaneRefused as error:
            log.error("acquire_refused", reason=str(error))
            return False
        if granted is None:
            await self._rest(IDLE_SECONDS)
            return True
        with structlog.contextvars.bound_contextvars(**_names(granted)):
            ending = await self._outlive(granted)
            log.info("lease_ended", outcome=ending.value)
        self._metrics.leases.labels(outcome=ending.value).inc()
        return ending.is_orderly

    async def _acquire(self) -> Answer:
        """Waits for a lease, and for the drain, which cuts the waiting short.

        A lease may have been handed out just then: the same request id asks for it again, so that
        it is given back now, and not when its time is up.
        """
        request_id = str(uuid.uuid4())
        asking = asyncio.create_task(self._client.acquire(request_id, wait_seconds=ACQUIRE_WAIT_SECONDS))
        if await self._answered_before_draining(asking):
            return asking.result()
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_ASK_SECONDS):
                return await self._client.acquire(request_id, wait_seconds=0)
        return None

    async def _answered_before_draining(self, asking: asyncio.Task[Answer]) -> bool:
        drain = asyncio.create_task(self._draining.wait())
        try:
            await asyncio.wait({asking, drain}, return_when=asyncio.FIRST_COMPLETED)
            return asking.done()
        finally:
            asking.cancel()
            drain.cancel()
            await asyncio.wait({asking, drain})

    async def _outlive(self, granted: Granted | Refused) -> Ending:
        """What came of the lease. One that we abandon is handed on when its time is up."""
        try:
            return await self._take(granted)
        except LeaseFenced as error:
            log.warning("lease_fenced", reason=str(error))
            return Ending.FENCED
        except LeaseLost as error:
            log.warning("lease_lost", reason=str(error))
            return Ending.LOST
        except ControlPlaneRefused as error:
            log.error("call_refused", reason=str(error))
            return Ending.ABANDONED
        except Exception:
            log.exception("turn_failed")
            return Ending.ABANDONED

    async def _take(self, granted: Granted | Refused) -> Ending:
        if self._draining.is_set():
            await self._client.release(granted.lease if isinstance(granted, Granted) else granted)
            return Ending.RELEASED
        if isinstance(granted, Refused):
            log.warning("lease_refused", reason=granted.failure.message)
            await self._client.fail(granted, FailedLease.NOT_STAGED, granted.failure)
            return Ending.FAILED
        if abs(granted.clock_error_seconds) > CLOCK_ERROR_SECONDS_MAX:
            log.error("clock_is_wrong", ahead_seconds=round(granted.clock_error_seconds, 1))
            await self._client.release(granted.lease)
            return Ending.CLOCK_WRONG
        failpoint("executor.after_acquire")
        with self._metrics.busy.track_inprogress():
            return await self._work(granted.lease)

    async def _work(self, lease: Lease) -> Ending:
        try:
            async with Heartbeat(self._client, lease) as heartbeat, self._room.entered(alone=lease.alone):
                attempt = Attempt(
                    lease,
                    client=self._client,
                    loader=self._loader,
                    metrics=self._metrics,
                    heartbeat=heartbeat,
                    pause_seconds=self._pause_seconds,
                )
                return await attempt.run()
        except asyncio.CancelledError:
            await self._give_back(lease)
            raise

    async def _give_back(self, lease: Lease) -> None:
        """Lets another executor have the lease now; a thread left behind can harm nothing."""
        with suppress(TimeoutError, LeaseFenced, ControlPlaneRefused):
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._client.release(lease)
                log.warning("lease_given_back")

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._draining.wait()


def _names(granted: Granted | Refused) -> dict[str, str]:
    held = granted.lease if isinstance(granted, Granted) else granted
    return {"lease": held.id, "run": held.run, "attempt": held.attempt}
