"""Plays a plan on a cast: the workload, the faults, the healing, and the judgement."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from random import Random

from tests.checker.checker import check_logs
from tests.checker.findings import Finding, Invariant
from tests.checker.watch import Watch
from tests.e2e.client import Client
from tests.faults.postgres.play import Doors
from tests.faults.torture.background import going_on
from tests.faults.torture.calls import Calls
from tests.faults.torture.cast import Cast, kept_alive
from tests.faults.torture.faults import Faults
from tests.faults.torture.judge import EXPLAINED, OWNER, Verdict, ends_of, judge, lines_since
from tests.faults.torture.landing import Landing
from tests.faults.torture.names import KEEPS_ASIDE, TABLE_OF, TABLES
from tests.faults.torture.person import Person
from tests.faults.torture.plan import Plan, Step
from tests.faults.torture.report import Report
from tests.faults.torture.rest import brought_to_rest
from tests.faults.torture.tables import Tables, a_session
from tests.faults.torture.user import Ingestion, User

WATCH_SECONDS = 15.0
HEALING_SECONDS = 300.0
POLL_SECONDS = 0.1


@dataclass(slots=True, kw_only=True)
class Play:
    """One torture on tables of its own. `ingestions` and `watches` go by the names that a plan has for them."""

    cast: Cast
    plan: Plan
    log: Path
    calls: Calls
    user: User
    tables: Tables
    ingestions: Mapping[str, Ingestion]
    watches: Mapping[str, Watch]
    faults: Faults
    person: Person
    happened: Counter[str] = field(default_factory=Counter)

    async def run(self) -> Report:
        began = time.monotonic()
        logs = ends_of(self.cast.logs)
        async with kept_alive(self.cast.services) as all_run:
            await asyncio.gather(*(ingestion.create() for ingestion in self.ingestions.values()))
            async with self._life():
                await self._disturb()
                await self._heal(all_run)
            findings = await brought_to_rest(self.ingestions.values(), self.person)
            verdicts = [await self._judge(table) for table in TABLES]
        findings += [
            *(finding for verdict in verdicts for finding in verdict.findings),
            *(finding for watch in self.watches.values() for finding in watch.findings),
            *self.calls.wire.findings(),
            *check_logs(lines_since(logs), allowed_errors=EXPLAINED),
            *(Finding(Invariant.ERRORS_EXPECTED, complaint) for complaint in self.user.complaints),
        ]
        return self._report(verdicts, findings, seconds=time.monotonic() - began)

    async def _judge(self, table: str) -> Verdict:
        await self.watches[table].observe()
        return await judge(
            f"{self.tables.namespace}.{table}",
            lake=self.cast.lake,
            ledger=Client(next(iter(self.cast.control_planes.values())).channel),
            ingestions=[self.ingestions[name] for name, its_table in TABLE_OF.items() if its_table == table],
            foreign=self.tables.foreign.get(table, []),
        )

    def _report(self, verdicts: Sequence[Verdict], findings: Sequence[Finding], *, seconds: float) -> Report:
        return Report(
            plan=self.plan,
            seconds=seconds,
            faults=self.happened,
            leases_started=len(self.calls.begun),
            leases_published=len(self.calls.published),
            attempts_fenced=len(self.calls.fenced_attempts),
            leases_taken_over=len(self.calls.taken_over),
            leases_in_doubt=len(self.person.resolved),
            files=sum((verdict.files for verdict in verdicts), Counter()),
            rows=sum(verdict.rows for verdict in verdicts),
            rows_foreign=sum(verdict.rows_foreign for verdict in verdicts),
            lost=sum(verdict.lost for verdict in verdicts),
            duplicated=sum(verdict.duplicated for verdict in verdicts),
            mismatched=sum(verdict.mismatched for verdict in verdicts),
            recovery_seconds=self.calls.recovery_seconds,
            findings=findings,
        )

    @asynccontextmanager
    async def _life(self) -> AsyncIterator[None]:
        """Users run their ingestions, a person resolves what is in doubt, and the tables are watched."""
        ingestions = self.ingestions.values()
        async with going_on(
            *(ingestion.keep_running() for ingestion in ingestions),
            *(self.person.keep_resolving(ingestion) for ingestion in ingestions),
            self._keep_watching(),
        ):
            yield

    async def _keep_watching(self) -> None:
        while True:
            for watch in self.watches.values():
                await asyncio.sleep(WATCH_SECONDS)
                await watch.observe()

    async def _disturb(self) -> None:
        """Has every step begin in its time. Faults whose moment does not come are called off at the end."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for step in self.plan.steps:
                await asyncio.sleep(began + step.at - time.monotonic())
                tasks.create_task(self._fault(step, began) if step.is_fault else self._work(step))
            await asyncio.sleep(began + self.plan.seconds - time.monotonic())
            self.faults.call_off()

    async def _fault(self, step: Step, began: float) -> None:
        if not await self.faults.commit(step):
            return
        self.happened[step.kind] += 1
        over = {"over": round(time.monotonic() - began, 2)}
        with self.log.open("a") as log:
            log.write(json.dumps(over | asdict(step)) + "\n")

    async def _work(self, step: Step) -> None:
        random, ingestion = Random(step.seed), self.ingestions.get(step.who)
        if ingestion is None:
            await self._use_table(step, random)
            return
        match step.do:
            case "cancel":
                await ingestion.cancel()
            case "retry":
                await ingestion.retry()
            case "pause":
                await ingestion.pause(step.seconds)
            case "update":
                await ingestion.update(random)
            case _:
                change: Callable[[Random], None] = getattr(ingestion.landing, step.do)
                change(random)

    async def _use_table(self, step: Step, random: Random) -> None:
        match step.do:
            case "foreign":
                await self.tables.append(step.who, random)
            case "compact":
                await self.tables.compact(step.who)
            case "expire":
                await self.tables.expire(step.who)

    async def _heal(self, all_run: Callable[[], bool]) -> None:
        """Returns when everybody runs again."""
        for _ in range(round(HEALING_SECONDS / POLL_SECONDS)):
            if all_run():
                return
            await asyncio.sleep(POLL_SECONDS)
        raise AssertionError("not everybody runs again")


async def play(plan: Plan, cast: Cast, *, log: Path) -> Report:
    """Plays it to its end, on tables and ingestions of its own. `log` gets a line for each fault that happened."""
    tag = uuid.uuid4().hex[:8]
    channels = [seat.channel for seat in cast.control_planes.values()]
    user, calls, namespace = User([Doors(channel) for channel in channels]), Calls(), f"torture_{tag}"
    ingestions = {name: _ingestion(name, namespace=namespace, user=user, folder=cast.folder / tag) for name in TABLE_OF}
    for hand in cast.executors.values():
        hand.line.calls = calls
    async with a_session(cast.spark.url) as spark:
        tables = Tables(spark, namespace)
        return await Play(
            cast=cast,
            plan=plan,
            log=log,
            calls=calls,
            user=user,
            tables=tables,
            ingestions=ingestions,
            watches={table: Watch(partial(cast.lake.load, f"{namespace}.{table}"), OWNER) for table in TABLES},
            faults=Faults(cast, calls=calls, tables=tables),
            person=Person(calls, tables, {ingestions[name].name: table for name, table in TABLE_OF.items()}),
        ).run()


def _ingestion(name: str, *, namespace: str, user: User, folder: Path) -> Ingestion:
    return Ingestion(
        user=user,
        name=f"ingestions/{name}-{folder.name}",
        table=f"{namespace}.{TABLE_OF[name]}",
        landing=Landing(folder / name, prefix=name, keeps_aside=name in KEEPS_ASIDE),
    )
