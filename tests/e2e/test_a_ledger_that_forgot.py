"""A ledger that was restored from an old backup, or lost, is told by the table what it forgot: nothing is loaded twice,
nothing is forgotten, and until then nothing is added."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from autoloader.v1 import errors_pb2, files_pb2, runs_pb2

from control_plane.ledger.migrate import migrate
from tests.checker.checker import assert_no_findings, check
from tests.checker.manifest import Expectation, ExpectedFile, Workload, a_file, by_column
from tests.e2e.installation import Installation, add_executor
from tests.e2e.places import Folder
from tests.e2e.records import lines
from tests.e2e.services import Executor
from tests.postgres import PostgresServer

# Each command starts a Spark of its own.
pytestmark = [pytest.mark.wide, pytest.mark.timeout(900)]

BROKEN = b"no json\n"


def rows_of(version: str, *, count: int = 50) -> list[dict[str, Any]]:
    return [{"id": number, "source": version} for number in range(count)]


def loaded(version: str, *, uri: str = "", generation: int | None = None) -> ExpectedFile:
    return a_file(version, rows_of(version), uri=uri, generation=generation)


def not_loaded(version: str, expectation: Expectation, *, uri: str = "", generation: int | None = None) -> ExpectedFile:
    return a_file(version, [], uri=uri, expectation=expectation, generation=generation)


class Story:
    """An ingestion whose ledger is taken away, and what it loads."""

    def __init__(self, installation: Installation, executor: Executor, postgres: PostgresServer, table: str) -> None:
        self.installation = installation
        self.executor = executor
        self.table = table
        self.place = Folder(installation.folder / "landing")
        self.ingestion = ""
        self._postgres = postgres
        self._database = urlsplit(installation.control_plane.database_url).path.strip("/")

    async def create(self) -> None:
        """The ingestion, always under the same id."""
        self.ingestion = await self.installation.client.create(
            self.place.source, table=self.table, ingestion_id="orders"
        )

    def put(self, name: str, version: str = "") -> None:
        self.place.put(name, lines(rows_of(version or name)))

    async def run(self) -> runs_pb2.Run:
        return await self.installation.run(self.ingestion)

    async def files(self) -> dict[str, int]:
        return {name: file.state for name, file in (await self.installation.client.list_files(self.ingestion)).items()}

    def rows(self) -> int:
        content = self.installation.lake.read(self.table)
        return len(content.ids) if content else 0

    async def told(self, *words: str, module: str = "executor") -> tuple[int, str]:
        word, *others = words
        return await self.executor.told(word, "orders", *others, module=module)

    async def back_up(self) -> str:
        """The name of a copy of the ledger as it is now."""
        await self._stop()
        await self._execute(f"CREATE DATABASE {self._database}_backup TEMPLATE {self._database}")
        await self.installation.control_plane.start()
        return f"{self._database}_backup"

    async def restore(self, backup: str) -> None:
        await self._stop()
        await self._execute(f"DROP DATABASE {self._database} WITH (FORCE)")
        await self._execute(f"ALTER DATABASE {backup} RENAME TO {self._database}")
        await self.installation.control_plane.start()

    async def lose(self) -> None:
        """Has an empty ledger in the place of the one that is lost."""
        await self._stop()
        await self._execute(f"DROP DATABASE {self._database} WITH (FORCE)")
        await self._execute(f"CREATE DATABASE {self._database} TEMPLATE template1")
        await migrate(self.installation.control_plane.database_url)
        await self.installation.control_plane.start()

    async def is_sealed(self) -> bool:
        """Whether a run is refused by the table's seal, and adds nothing."""
        before = self.rows()
        run = await self.run()
        assert run.state == runs_pb2.Run.STATE_FAILED, str(run)
        assert {error.category for error in run.errors} == {errors_pb2.ERROR_CATEGORY_TABLE_SEALED}, str(run)
        assert "autoloader reconcile orders" in run.errors[0].message
        assert self.rows() == before
        return True

    async def agrees(self, *files: ExpectedFile) -> bool:
        """Whether table and ledger are as these files say, by an independent look and by the audit."""
        workload = Workload(files=files, owner_of=by_column("source"))
        with self.installation.lake.catalog() as catalog:
            table = catalog.load_table(self.table)
            findings = await check(self.installation.client, self.ingestion, table=table, workload=workload)
        assert_no_findings(findings)
        code, report = await self.told("audit")
        assert code == 0, report
        return True

    async def _stop(self) -> None:
        self.installation.control_plane.ask_to_stop()
        await self.installation.control_plane.ended()

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self._postgres.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@pytest.fixture
async def story(own_installation: Installation, postgres: PostgresServer, data_folder: Path, table: str) -> Story:
    executor = await add_executor(own_installation, data_folder=data_folder)
    made = Story(own_installation, executor, postgres, table)
    await made.create()
    return made


async def test_a_ledger_from_an_old_backup_is_told_what_it_forgot(story: Story) -> None:
    await load_first(story)
    backup = await story.back_up()
    await load_more(story)
    known = await story.files()
    await story.restore(backup)
    story.put("third.json")
    assert await story.is_sealed()
    sealed = await story.files()
    code, report = await story.told("audit")
    assert code == 1 and "1 difference." in report, report
    code, report = await story.told("reconcile", "--dry-run")
    assert code == 0 and "Would bring back 1 lease of 2 files and 100 rows." in report, report
    assert await story.files() == sealed
    assert await story.is_sealed()

    code, report = await story.told("reconcile")
    assert code == 0 and "Brought back 1 lease of 2 files and 100 rows." in report, report
    states = await story.files()
    assert {name: state for name, state in states.items() if name != "third.json"} == known
    run = await story.run()
    assert (run.files_processed, run.records_written) == (1, 50)
    assert await story.agrees(*TWICE_LOADED, loaded("third.json"))


async def test_a_ledger_that_was_lost_is_told_all_even_if_it_is_cut_short(story: Story) -> None:
    await load_first(story)
    await load_more(story)
    await story.lose()
    await story.create()
    story.put("third.json")
    code, report = await story.told("reconcile", module="tests.e2e.cut_short")
    assert code == -signal.SIGKILL, report
    assert "second.json" not in await story.files(), "it was not cut short"

    code, report = await story.told("reconcile")
    assert code == 0 and "Brought back 1 lease of 2 files and 100 rows." in report, report
    run = await story.run()
    assert (run.files_processed, run.records_written) == (1, 50)
    assert (await story.files())["bad.json"] == files_pb2.File.STATE_FAILED
    assert await story.agrees(*TWICE_LOADED, loaded("third.json"))


async def load_first(story: Story) -> None:
    story.put("first.json")
    story.place.put("mended.json", BROKEN)
    assert (await story.run()).files_processed == 1


async def load_more(story: Story) -> None:
    """A new file, one that was loaded and one that was broken written anew, and another broken one."""
    story.put("second.json")
    story.put("first.json", "first again")
    story.put("mended.json", "mended")
    story.place.put("bad.json", BROKEN)
    assert (await story.run()).files_processed == 2


# What is loaded then.
TWICE_LOADED = (
    loaded("first.json", generation=1),
    not_loaded("first again", Expectation.SUPERSEDED, uri="/first.json", generation=2),
    loaded("second.json"),
    not_loaded("broken", Expectation.ANY, uri="/mended.json", generation=1),
    loaded("mended", uri="/mended.json", generation=2),
    not_loaded("bad.json", Expectation.FAILED),
)
