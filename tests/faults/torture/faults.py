"""Commits the faults of a plan. Each says whether it happened: a cut that nobody ran into was none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

import asyncpg

from tests.faults.failpoints import Failpoints
from tests.faults.postgres.proxy import Fault, Proxy, Statement, is_commit_of
from tests.faults.torture.calls import Calls
from tests.faults.torture.cast import Cast
from tests.faults.torture.kinds import DRAINING
from tests.faults.torture.mishaps import Mishap
from tests.faults.torture.plan import Step
from tests.faults.torture.tables import Tables

# How long a fault that is meant for the holder of a lease waits for it to be one.
WAIT_FOR_HOLDER_SECONDS = 4.0
DRAIN_SECONDS = 60.0
POLL_SECONDS = 0.05
TERMINATE_ALL = """
    SELECT count(pg_terminate_backend(pid))
    FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND datname = current_database() AND backend_type = 'client backend'
"""


class Faults:
    """Those that wait for their moment do so until they are called off; those that last are over when they return."""

    def __init__(self, cast: Cast, *, calls: Calls, tables: Tables) -> None:
        self._cast = cast
        self._calls = calls
        self._tables = tables
        self._ledger = asyncio.Lock()
        self._called_off = asyncio.Event()
        self._kinds: dict[str, Callable[[Step], Awaitable[bool]]] = {
            "executor fails": self._fail_executor,
            "executor killed": self._kill_executor,
            "executor paused": self._pause_executor,
            "executor drained": self._drain_executor,
            "control plane fails": self._fail_at_point,
            "control plane killed": self._kill_control_plane,
            "control plane paused": self._pause,
            "control plane drained": self._drain,
            "message": self._message,
            "wire cut": self._cut,
            "executor switched": self._switch,
            "statement": self._statement,
            "backends terminated": self._terminate_backends,
            "ledger frozen": self._freeze_ledger,
            "ledger crashed": self._crash_ledger,
            "history expired": self._expire_history,
            "branch lost": self._lose_branch,
        }

    async def commit(self, step: Step) -> bool:
        """Whether the fault happened; returns when it is over."""
        return await self._kinds[step.do](step)

    def call_off(self) -> None:
        """Nothing that waits for its moment happens from now on."""
        self._called_off.set()
        for name in (*self._cast.control_planes, *self._cast.executors):
            self._cast.player(name).points.disarm()
        for hand in self._cast.executors.values():
            hand.wire.forget_hooks()
        for seat in self._cast.control_planes.values():
            seat.proxy.once(Fault.REQUEST_LOST, lambda _: False)

    async def _fail_executor(self, step: Step) -> bool:
        happened = await self._fail_at_point(step)
        if happened and step.how != "raise":
            self._calls.struck(step.who)
        return happened

    async def _fail_at_point(self, step: Step) -> bool:
        return await self._happens(self._cast.player(step.who).points.arm(step.what, step.how))

    async def _kill_executor(self, step: Step) -> bool:
        await self._until_it_holds(step.who)
        self._calls.struck(step.who)
        return self._kill(step)

    async def _kill_control_plane(self, step: Step) -> bool:
        return self._kill(step)

    def _kill(self, step: Step) -> bool:
        service = self._cast.player(step.who).service
        was_running = service.is_running
        if was_running:
            service.kill()
        return was_running

    async def _pause_executor(self, step: Step) -> bool:
        await self._until_it_holds(step.who)
        self._calls.struck(step.who)
        return await self._pause(step)

    async def _pause(self, step: Step) -> bool:
        service = self._cast.player(step.who).service
        if not service.is_running:
            return False
        service.freeze()
        try:
            await asyncio.sleep(step.seconds)
        finally:
            if service.is_running:
                service.thaw()
        return True

    async def _drain_executor(self, step: Step) -> bool:
        points: Failpoints = self._cast.player(step.who).points
        await self._until_it_holds(step.who)
        happens = points.arm(DRAINING, step.how)
        return await self._drain(step) and await self._happens(happens)

    async def _drain(self, step: Step) -> bool:
        service = self._cast.player(step.who).service
        if not service.is_running:
            return False
        told = service.process_id
        service.ask_to_stop()
        for _ in range(round(DRAIN_SECONDS / POLL_SECONDS)):
            if not service.is_running or service.process_id != told:
                break
            await asyncio.sleep(POLL_SECONDS)
        return True

    async def _message(self, step: Step) -> bool:
        hand = self._cast.executors[step.who]
        befalling = Mishap(line=hand.line, seconds=step.seconds)
        hand.wire.once(step.what, befalling.hook(step.how))
        return await self._happens(befalling.happens)

    async def _cut(self, step: Step) -> bool:
        await self._until_it_holds(step.who)
        self._calls.struck(step.who)
        async with self._cast.executors[step.who].line.cut(step.what) as caught:
            await asyncio.sleep(step.seconds)
            return caught() > 0

    async def _switch(self, step: Step) -> bool:
        holds = await self._until_it_holds(step.who)
        self._cast.executors[step.who].line.switch()
        return holds

    async def _statement(self, step: Step) -> bool:
        proxy, fault = self._cast.control_planes[step.who].proxy, Fault[step.how]
        if fault in (Fault.REQUEST_LOST, Fault.ANSWER_LOST):
            return await self._happens(proxy.once(fault, is_commit_of(step.what)))

        def has_words(statement: Statement) -> bool:
            return step.what in statement.sql

        return await self._happens(proxy.once(fault, has_words))

    async def _terminate_backends(self, step: Step) -> bool:
        async with self._ledger:
            connection = await asyncpg.connect(self._cast.ledger.url)
            try:
                return bool(await connection.fetchval(TERMINATE_ALL))
            finally:
                await connection.close()

    async def _freeze_ledger(self, step: Step) -> bool:
        """For one control plane, or for both."""
        frozen = [self._cast.control_planes[step.who]] if step.who else self._cast.control_planes.values()
        proxies: list[Proxy] = [seat.proxy for seat in frozen]
        for proxy in proxies:
            proxy.freeze()
        try:
            await asyncio.sleep(step.seconds)
        finally:
            for proxy in proxies:
                proxy.thaw()
        return True

    async def _crash_ledger(self, step: Step) -> bool:
        async with self._ledger:
            await self._cast.ledger.crash()
            await self._cast.ledger.start()
            for seat in self._cast.control_planes.values():
                seat.proxy.lead_to(self._cast.ledger.url)
        return True

    async def _expire_history(self, step: Step) -> bool:
        table = await self._table_of_sleeper(step)
        return bool(table) and await self._tables.expire_history(table, Random(step.seed))

    async def _lose_branch(self, step: Step) -> bool:
        table = await self._table_of_sleeper(step)
        return bool(table) and await self._tables.lose_branch(table, Random(step.seed))

    async def _table_of_sleeper(self, step: Step) -> str:
        """The table of a staged lease whose holder falls asleep, so that another one has to end it."""
        return self._calls.staged_by(step.who) if await self._fail_executor(step) else ""

    async def _until_it_holds(self, executor: str) -> bool:
        """Whether it came to hold a lease soon."""
        for _ in range(round(WAIT_FOR_HOLDER_SECONDS / POLL_SECONDS)):
            if self._calls.holds(executor):
                return True
            await asyncio.sleep(POLL_SECONDS)
        return False

    async def _happens(self, event: asyncio.Event) -> bool:
        """Whether the moment came before all was called off."""
        waiting = [asyncio.create_task(each.wait()) for each in (event, self._called_off)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        return event.is_set()
