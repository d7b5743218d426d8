"""Runs `audit` and `reconcile`: reads the ledger and the table, has them compared, and says what came of it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from executor import audit as auditing
from executor import reconcile as reconciling
from executor import spark
from executor import table as tables
from executor.app import spark_settings
from executor.beside import objects_beside
from executor.command import Command
from executor.diagnose import failure_of, is_from_spark
from executor.errors import StartRefused
from executor.finish import publish_rejects
from executor.history import History, history_of
from executor.ledger import ForgottenLease, LedgerAway, LedgerClient, LedgerLease, RestoredLease, Result
from executor.metadata import read_state
from executor.reconcile import Scene
from executor.remains import Remains
from executor.settings import Settings
from executor.spark import Sessions
from executor.wire import Caller, ControlPlaneRefused, open_channel

EXIT_AGREED = 0
EXIT_OPEN = 1
EXIT_UNREACHED = 2
STATE_TRIES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An ingestion's table as Spark reaches it; `ingestion` is an id, `name` its resource name."""

    ingestion: str
    table: str
    sql: str
    sessions: Sessions

    @property
    def name(self) -> str:
        return f"ingestions/{self.ingestion}"

    async def history(self) -> History | None:
        """Main's history now; None when there is no table."""
        for _ in range(STATE_TRIES):
            state = await asyncio.to_thread(read_state, self.sessions.loader, self.sql)
            if state is None or not state.is_torn:
                return history_of(state) if state else None
        raise LedgerAway(f"Table {self.table} changes too fast to be read.")


async def run(settings: Settings, command: Command) -> int:
    """Exit code 0 when nothing is left to look at, 1 when something is, 2 when it cannot be said."""
    try:
        async with open_channel(settings.control_plane) as channel:
            ledger = LedgerClient(channel, caller=Caller())
            async with _at_table(settings, command, ledger) as place:
                left_open = await (_audit if command.word == "audit" else _reconcile)(command, place, ledger)
    except (LedgerAway, StartRefused) as error:
        return _unreached(str(error))
    except ControlPlaneRefused as error:
        if error.reason != "RUN_ACTIVE":
            return _unreached(error.details)
        _say([error.details])
        return EXIT_OPEN
    except Exception as error:
        if not is_from_spark(error):
            raise
        failure = failure_of(error)
        return _unreached(f"{failure.message} {failure.cause}")
    return EXIT_OPEN if left_open else EXIT_AGREED


@asynccontextmanager
async def _at_table(settings: Settings, command: Command, ledger: LedgerClient) -> AsyncIterator[Place]:
    """Asks the ledger before it starts Spark, which takes longer."""
    table = await ledger.table_of(f"ingestions/{command.ingestion}")
    sessions = await asyncio.to_thread(spark.start, spark_settings(settings))
    try:
        name = tables.table_name(table, default_catalog=sessions.default_catalog)
        yield Place(ingestion=command.ingestion, table=table, sql=name.sql, sessions=sessions)
    finally:
        await asyncio.to_thread(spark.stop, sessions)


async def _audit(command: Command, place: Place, ledger: LedgerClient) -> int:
    leases, differences = await _compared(place, ledger, is_of=lambda lease: lease)
    for table in sorted({lease.rejects.table for lease in leases if lease.rejects}):
        name = tables.table_name(table, default_catalog=place.sessions.default_catalog)
        _, more = await _compared(replace(place, table=table, sql=name.sql), ledger, is_of=auditing.kept_aside)
        differences += more
    _say([_count(differences, "difference") + "."])
    return differences


async def _compared(
    place: Place, ledger: LedgerClient, *, is_of: Callable[[LedgerLease], LedgerLease | None]
) -> tuple[list[LedgerLease], int]:
    """The ledger's leases, and how many differences between it and the table there are."""
    earlier = await place.history()
    leases = {lease.id: lease for lease in await ledger.leases(place.name)}
    if earlier is not None:
        # Others may load into the same table.
        leases |= {lease.id: lease for lease in await ledger.leases("ingestions/-", table_uuid=earlier.state.id)}
    of_table = [found for lease in leases.values() if (found := is_of(lease)) is not None]
    audit = auditing.audit(
        of_table, ingestion=place.ingestion, table=place.table, earlier=earlier, later=await place.history()
    )
    _say([f"Compared {_count(len(of_table), 'lease')} of the ledger with table {place.table}."])
    _say(f"note: {note}" for note in audit.notes)
    _say(audit.differences)
    return list(leases.values()), len(audit.differences)


async def _reconcile(command: Command, place: Place, ledger: LedgerClient) -> int:
    main = await place.history()
    if main is None:
        _say([f"There is no table {place.table}: nothing is left of it to be told."])
        return 0
    scene, remains = await _scene(command, place, ledger, main)
    plan = reconciling.plan(scene)
    forgotten, lost = await asyncio.to_thread(
        publish_rejects,
        plan.forgotten,
        sessions=place.sessions,
        ingestion=place.ingestion,
        is_dry_run=command.is_dry_run,
    )
    left_open = [*plan.left_open, *await _undecided(plan, scene, remains), *remains.troubles, *lost]
    answers = await _told(forgotten, command, place, ledger)
    refused = [f"Lease {answer.id}: {answer.message}" for answer in answers if answer.result is Result.REFUSED]
    _say([_restored_line(forgotten, answers, is_dry_run=command.is_dry_run)])
    _say(left_open + refused)
    _say([f"{_count(len(left_open) + len(refused), 'thing')} left to look at."])
    return len(left_open) + len(refused)


async def _told(
    leases: Sequence[ForgottenLease], command: Command, place: Place, ledger: LedgerClient
) -> list[RestoredLease]:
    """What the ledger answers. One that it refuses for its files is told without them, by a person's word."""
    answers = await ledger.restore(place.name, leases, validate_only=command.is_dry_run)
    refused = {answer.id for answer in answers if answer.result is Result.REFUSED} & command.accepted
    without_files = [
        replace(lease, files=(), records_written=(), exceptions=(), rejects=None)
        for lease in leases
        if lease.id in refused
    ]
    again = await ledger.restore(place.name, without_files, validate_only=command.is_dry_run)
    return [answer for answer in answers if answer.id not in refused] + again


async def _scene(command: Command, place: Place, ledger: LedgerClient, main: History) -> tuple[Scene, Remains]:
    objects = objects_beside(main.state.location, spark=place.sessions.loader, table_sql=place.sql)
    remains = Remains(objects)
    await asyncio.to_thread(remains.list_names)
    leases = [*await ledger.leases(place.name), *await ledger.leases("ingestions/-", table_uuid=main.state.id)]
    known = {lease.id: lease for lease in leases}
    unsettled = [
        lease for lease in remains.leases_of(place.ingestion) if not reconciling.is_settled(known.get(lease), main)
    ]
    return Scene(
        ingestion=place.ingestion,
        table=place.table,
        main=main,
        known=known,
        left=await asyncio.to_thread(remains.read, unsettled),
        owners={lease: owner for lease in main.of_lease if (owner := remains.ingestion_of(lease))},
        accepted=command.accepted,
    ), remains


async def _undecided(plan: reconciling.Plan, scene: Scene, remains: Remains) -> list[str]:
    """Of the attempts that nothing tells of, those whose files no other lease has loaded since."""
    if not plan.undecided:
        return []
    settled = remains.leases_of(scene.ingestion) & scene.known.keys()
    loaded = await asyncio.to_thread(remains.read, settled)
    in_table = {lease.attempt for lease in plan.forgotten} | {lease.attempt for lease in scene.known.values()}
    manifests = [one for left in (*loaded.values(), *scene.left.values()) for one in left.manifests]
    doubtful = reconciling.not_loaded_since(plan.undecided, [one for one in manifests if one.attempt in in_table])
    return [reconciling.cannot_tell(manifest) for manifest in doubtful]


def _restored_line(forgotten: Sequence[ForgottenLease], answers: Sequence[RestoredLease], *, is_dry_run: bool) -> str:
    rows_of = {lease.id: lease.staged.records_added for lease in forgotten}
    restored = [answer for answer in answers if answer.result is Result.RESTORED]
    files, rows = sum(answer.files_restored for answer in restored), sum(rows_of[answer.id] for answer in restored)
    verb = "Would bring" if is_dry_run else "Brought"
    return f"{verb} back {_count(len(restored), 'lease')} of {_count(files, 'file')} and {_count(rows, 'row')}."


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _unreached(message: str) -> int:
    sys.stderr.write(f"{message}\n")
    return EXIT_UNREACHED


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
