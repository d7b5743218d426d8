"""The checker and a real control plane agree on what an executor of the test's own loads, and on what it does twice."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import pyarrow as pa
import pytest
from autoloader.v1 import ingestions_pb2, leases_pb2
from autoloader.v1.leases_pb2_grpc import LeaseServiceStub
from google.protobuf.duration_pb2 import Duration
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from tests.checker.checker import assert_no_findings, check
from tests.checker.findings import Invariant
from tests.checker.manifest import Workload, a_file, by_column
from tests.e2e.installation import Installation, installed
from tests.e2e.places import Folder
from tests.e2e.records import lines
from tests.postgres import running_postgres

SCHEMA = pa.schema([("id", pa.int64()), ("source", pa.string())])
# More than a page of the API holds, in more than one lease.
FILES = 1_001
FILES_PER_LEASE = 600


def rows_of(number: int) -> list[dict[str, Any]]:
    return [{"id": number, "source": f"{number}.json"}]


WORKLOAD = Workload(
    files=tuple(a_file(f"{number}.json", rows_of(number)) for number in range(FILES)), owner_of=by_column("source")
)


class PlainExecutor:
    """Speaks the protocol with PyIceberg in Spark's place, with nobody to race with: it appends to main."""

    def __init__(self, channel: grpc.aio.Channel, *, table: Table) -> None:
        self._leases = LeaseServiceStub(channel)
        self._table = table

    async def load_all(self) -> int:
        """Loads until no lease is left; how many it had."""
        count = 0
        while (lease := await self._acquire()) is not None:
            await self._load(lease)
            count += 1
        return count

    def append(self, files: list[str], *, lease: str) -> int:
        """Puts the rows of files into main; the snapshot."""
        rows = [json.loads(line) for file in files for line in Path(urlsplit(file).path).read_text().splitlines()]
        self._table.append(
            pa.Table.from_pylist(rows, schema=SCHEMA),
            snapshot_properties={"autoloader.lease": lease, "wap.id": lease},
        )
        head = self._table.current_snapshot()
        assert head is not None
        return head.snapshot_id

    async def _acquire(self) -> leases_pb2.Lease | None:
        request = leases_pb2.AcquireLeaseRequest(
            executor="plain", request_id=str(uuid.uuid4()), wait=Duration(seconds=3)
        )
        answer = await self._leases.AcquireLease(request)
        return answer.lease if answer.HasField("lease") else None

    async def _load(self, lease: leases_pb2.Lease) -> None:
        await self._leases.RenewLease(
            leases_pb2.RenewLeaseRequest(lease=lease.id, fence=lease.fence, attempt=lease.attempt)
        )
        files = [file.uri for file in lease.load.files]
        snapshot = self.append(files, lease=lease.id)
        staged = leases_pb2.StagedTable(
            table="lake.checked.rows",
            table_uuid="one that appends",
            base_snapshot_id=snapshot,
            staged_snapshot_id=snapshot,
            records_added=len(files),
        )
        await self._leases.StageLease(
            leases_pb2.StageLeaseRequest(
                lease=lease.id,
                fence=lease.fence,
                attempt=lease.attempt,
                staged=staged,
                records_written=[1] * len(files),
            )
        )
        await self._leases.CompleteLease(
            leases_pb2.CompleteLeaseRequest(lease=lease.id, fence=lease.fence, published_snapshot_id=snapshot)
        )


@pytest.fixture(scope="module")
async def installation(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    folder = tmp_path_factory.mktemp("checker")
    async with running_postgres() as postgres, installed(folder, postgres) as running:
        yield running


async def test_what_was_loaded_has_no_findings_and_what_is_loaded_again_has(
    installation: Installation, tmp_path: Path
) -> None:
    place = Folder(installation.folder / "files")
    for number in range(FILES):
        place.put(f"{number}.json", lines(rows_of(number)))
    policy = ingestions_pb2.LoadPolicy(max_files_per_lease=FILES_PER_LEASE)
    ingestion = await installation.client.create(place.source, table="checked.rows", load=policy)
    catalog = SqlCatalog("lake", uri=f"sqlite:///{tmp_path}/catalog.db", warehouse=f"file://{tmp_path}/warehouse")
    with closing(catalog):
        catalog.create_namespace("checked")
        table = catalog.create_table("checked.rows", schema=SCHEMA)
        async with grpc.aio.insecure_channel(installation.control_plane.address) as channel:
            executor = PlainExecutor(channel, table=table)
            run = await installation.client.start_run(ingestion)
            assert await check_moves(installation, ingestion)
            assert await executor.load_all() == 2
        await installation.rested(run)

        assert_no_findings(await check(installation.client, ingestion, table=table, workload=WORKLOAD))

        executor.append([f"file://{place.path}/7.json"], lease="another")

        findings = await check(installation.client, ingestion, table=table, workload=WORKLOAD)
        assert {(finding.invariant, finding.ids[0]) for finding in findings} == {
            (Invariant.ROWS_ONCE, "7.json"),
            (Invariant.LEDGER_TELLS_TRUTH, "7.json"),
            (Invariant.FIGURES_EQUAL, ingestion),
        }


async def check_moves(installation: Installation, ingestion: str) -> bool:
    """Whether the checker sees that a run is under way."""
    findings = await check(installation.client, ingestion, table=None, workload=WORKLOAD)
    return Invariant.NOTHING_MOVES in {finding.invariant for finding in findings}
