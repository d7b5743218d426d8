"""Where a fault is acted out: a control plane, two executors behind wires that misbehave, and loads to try them on."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from autoloader.v1 import files_pb2, ingestions_pb2, runs_pb2

from tests.e2e.installation import Installation
from tests.e2e.lake import TableContent
from tests.e2e.places import Folder
from tests.e2e.records import content_of_file, ids_of_file
from tests.e2e.services import ControlPlane, Executor
from tests.faults.interposer import Interposer

RECORDS_PER_FILE = 100


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

    def put(self, *numbers: int) -> None:
        for number in numbers:
            self.place.put(f"data-{number}.json", content_of_file(number, records=RECORDS_PER_FILE))

    async def start(self) -> str:
        return await self.installation.client.start_run(self.ingestion)

    async def ends_well(self, run: str) -> bool:
        """Whether a run that was started comes to a good end."""
        rested = await self.installation.rested(run)
        assert rested.state == runs_pb2.Run.STATE_SUCCEEDED, str(rested)
        return True

    async def runs_well(self) -> bool:
        return await self.ends_well(await self.start())

    async def holds_once(self, *numbers: int) -> bool:
        """Whether the table has each row of these files once, and the ledger has the same figures."""
        content = self.installation.lake.read(self.table)
        assert content is not None, "there is no table"
        return await self.agrees_with(content, *numbers)

    async def agrees_with(self, content: TableContent, *numbers: int) -> bool:
        """The same, of a table that was read already."""
        assert content.holds_once(*(ids_of_file(number, records=RECORDS_PER_FILE) for number in numbers))
        summary = await self.installation.client.summary(self.ingestion)
        figures = {state: (each.file_count, each.records_written) for state, each in summary.items()}
        assert figures == {files_pb2.File.STATE_PROCESSED: (len(numbers), len(content.ids))}
        history = await self.installation.client.history(self.ingestion)
        assert sum(run.records_written for run in history) == len(content.ids)
        assert sum(run.files_processed for run in history) == len(numbers)
        return True


@dataclass(frozen=True, slots=True)
class Scene:
    """Neither executor may ask for a lease until its wire is opened."""

    installation: Installation
    victim: Wired
    successor: Wired

    @property
    def control_plane(self) -> ControlPlane:
        return self.installation.control_plane

    async def a_load(self, *numbers: int, max_files_per_lease: int = 0) -> Load:
        """A load of files that wait to be loaded."""
        name = f"t{uuid.uuid4().hex}"
        place, table = Folder(self.installation.folder / name), f"faults.{name}"
        policy = ingestions_pb2.LoadPolicy(max_files_per_lease=max_files_per_lease)
        ingestion = await self.installation.client.create(place.source, table=table, load=policy)
        load = Load(self.installation, place, table, ingestion)
        load.put(*numbers)
        return load
