"""Where a fault is acted out: a control plane, two executors behind wires that misbehave, and loads to try them on."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from autoloader.v1 import ingestions_pb2, runs_pb2, schemas_pb2
from google.protobuf.field_mask_pb2 import FieldMask

from tests.checker.checker import assert_no_findings, check, check_logs
from tests.checker.manifest import Workload, a_file, by_ids
from tests.checker.wire import Wire
from tests.e2e.client import RUN_SECONDS
from tests.e2e.installation import Installation
from tests.e2e.lake import TableContent
from tests.e2e.places import Folder
from tests.e2e.records import content_of_file, ids_of_file, record
from tests.e2e.services import ControlPlane, Executor
from tests.faults.interposer import Interposer

RECORDS_PER_FILE = 100
PAUSE_SECONDS = 0.1
BAD_LINE = '{"id": "none",\n'
# What an executor logs as an error when a fault is raised in the middle of its work.
EXPLAINED_ERRORS = {"stage_broke", "turn_failed"}


@dataclass(frozen=True, slots=True)
class Wired:
    """An executor, and the wire by which alone it speaks with the control plane."""

    executor: Executor
    wire: Interposer

    async def revive(self) -> None:
        """Has it run again if it died, asking for nothing."""
        self.wire.close()
        self.wire.forget_hooks()
        if not self.executor.is_running:
            await self.executor.start()


@dataclass(frozen=True, slots=True)
class Load:
    """An ingestion of a folder into a table, both of its own."""

    installation: Installation
    place: Folder
    table: str
    ingestion: str
    _files: set[int] = field(default_factory=set)

    def put(self, *numbers: int) -> None:
        for number in numbers:
            self.place.put(name_of(number), content_of_file(number, records=RECORDS_PER_FILE))
        self._files.update(numbers)

    def put_with_a_bad_line(self, number: int) -> None:
        """The same file, with a line in its midst that cannot be read."""
        self.put(number)
        lines = content_of_file(number, records=RECORDS_PER_FILE).decode().splitlines(keepends=True)
        self.place.put(name_of(number), "".join([*lines[:50], BAD_LINE, *lines[50:]]).encode())

    def kept_aside(self) -> list[str]:
        """The records in the table for those that cannot be read, as `file:record:content`."""
        table = self.installation.lake.load(f"{self.table}__rejects")
        rows = table.scan().to_arrow().to_pylist() if table else []
        return sorted(f"{Path(row['file']).name}:{row['record']}:{row['content']}" for row in rows)

    async def declare_one_more_column(self) -> None:
        """Which no file has, and the table has from the next lease on."""
        ingestions = self.installation.client.ingestions
        name = ingestions_pb2.GetIngestionRequest(name=self.ingestion)
        (current,) = (
            await self.installation.client.schemas.ListSchemaVersions(
                schemas_pb2.ListSchemaVersionsRequest(parent=self.ingestion)
            )
        ).schema_versions
        columns = [*current.columns, ingestions_pb2.Column(name="more", type="string")]
        changed = ingestions_pb2.Ingestion(name=name.name, schema=ingestions_pb2.SchemaPolicy(columns=columns))
        await ingestions.UpdateIngestion(
            ingestions_pb2.UpdateIngestionRequest(ingestion=changed, update_mask=FieldMask(paths=["schema.columns"]))
        )

    async def start(self) -> str:
        return await self.installation.client.start_run(self.ingestion)

    async def ends_well(self, run: str) -> bool:
        """Whether a run that was started comes to a good end."""
        rested = await self.installation.rested(run)
        assert rested.state == runs_pb2.Run.STATE_SUCCEEDED, str(rested)
        return True

    async def is_done_after_all(self, run: str) -> bool:
        """Whether nothing is left of a run that failed until a person resolved what was in doubt."""
        async with asyncio.timeout(RUN_SECONDS):
            while True:
                seen = await self.installation.client.runs.GetRun(runs_pb2.GetRunRequest(name=run))
                if not seen.files_remaining:
                    return True
                await asyncio.sleep(PAUSE_SECONDS)

    async def attempts(self) -> list[int]:
        """How many attempts each file took, by name."""
        files = await self.installation.client.list_files(self.ingestion)
        return [file.attempts for _, file in sorted(files.items())]

    async def runs_well(self) -> bool:
        return await self.ends_well(await self.start())

    async def holds_once(self, *numbers: int) -> bool:
        """Whether these are all files put, the table has each row of them once, and the ledger says the same."""
        return await self.agrees_with(self.content(), *numbers)

    def content(self) -> TableContent:
        """What a reader sees in the table now."""
        content = self.installation.lake.read(self.table)
        assert content is not None, "there is no table"
        return content

    def set_head(self, snapshot_id: int) -> None:
        """Does by hand what a person may do to main."""
        with self.installation.lake.catalog() as catalog, catalog.load_table(self.table).manage_snapshots() as main:
            main.set_current_snapshot(snapshot_id=snapshot_id)

    async def agrees_with(self, content: TableContent, *numbers: int) -> bool:
        """The same, of a table that was read already."""
        assert self._files == set(numbers)
        assert content.holds_once(*map(ids_of, numbers))
        workload = Workload(
            files=tuple(a_file(name_of(number), map(record, ids_of(number))) for number in numbers),
            owner_of=by_ids({name_of(number): ids_of(number) for number in numbers}),
        )
        assert_no_findings(
            await check(self.installation.client, self.ingestion, table=content.table, workload=workload)
        )
        history = await self.installation.client.history(self.ingestion)
        assert sum(run.files_processed for run in history) == len(numbers)
        return True


@dataclass(frozen=True, slots=True)
class Scene:
    """Neither executor may ask for a lease until its wire is opened. The watch sees what any executor is told."""

    installation: Installation
    victim: Wired
    successor: Wired
    watch: Wire = field(default_factory=Wire)

    @property
    def control_plane(self) -> ControlPlane:
        return self.installation.control_plane

    async def a_load(self, *numbers: int, max_files_per_lease: int = 0, keeps_aside: bool = False) -> Load:
        """A load of files that wait to be loaded; of `keeps_aside`, with records that cannot be read in their table."""
        name = f"t{uuid.uuid4().hex}"
        place, table = Folder(self.installation.folder / name), f"faults.{name}"
        policy = ingestions_pb2.LoadPolicy(max_files_per_lease=max_files_per_lease)
        if keeps_aside:
            policy.on_bad_record = ingestions_pb2.LoadPolicy.ON_BAD_RECORD_KEEP_ASIDE
        ingestion = await self.installation.client.create(place.source, table=table, load=policy)
        load = Load(self.installation, place, table, ingestion)
        load.put(*numbers)
        return load

    @contextmanager
    def judged(self) -> Iterator[None]:
        """Holds against the invariants what executors are told in the block, and what services log."""
        services = self.installation.services
        logged = {service.name: service.log_bytes for service in services}
        self.watch.forget()
        yield
        assert_no_findings(self.watch.findings())
        lines = [line for each in services for line in each.log_lines(after_bytes=logged.get(each.name, 0))]
        assert_no_findings(check_logs(lines, allowed_errors=EXPLAINED_ERRORS))


def name_of(number: int) -> str:
    return f"data-{number}.json"


def ids_of(number: int) -> range:
    return ids_of_file(number, records=RECORDS_PER_FILE)
