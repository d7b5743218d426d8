"""`autoloader preview`: with a Spark and a PostgreSQL of its own; and for an ingestion of a server."""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from autoloader.v1 import errors_pb2, leases_pb2, previews_pb2, schema_changes_pb2
from autoloader.v1 import ingestions_pb2 as pb
from autoloader.v1.leases_pb2_grpc import LeaseServiceStub
from google.protobuf.duration_pb2 import Duration

from control_plane.cli.show_preview import lines_of
from tests.control_plane.cli.conftest import Autoloader, run

if TYPE_CHECKING:
    from autoloader.v1.leases_pb2_grpc import LeaseServiceAsyncStub


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    """A folder of a file that loads and one with a line that is not JSON."""
    folder = tmp_path / "landing zone"
    folder.mkdir()
    (folder / "a.json").write_text('{"id": 1, "name": "x"}\n{"id": 2}\n')
    (folder / "b.json").write_text('{"id": 3}\nnot json\n')
    return folder


@pytest.mark.timeout(600)
async def test_what_a_load_would_do_is_shown_and_not_done(landing: Path) -> None:
    data = landing.parent / "data"
    told = await run("preview", str(landing), "--data", str(data))
    assert told.exit_code == 0, told.output
    lines = told.stdout.splitlines()
    assert f"  file://{landing}/a.json: 2 records" in lines
    assert f"  file://{landing}/b.json: 2 records, 1 of them cannot be read" in lines
    assert "  id    bigint" in lines
    assert '  {"id":1,"name":"x"}' in lines
    assert '  {"id":2,"name":null}' in lines
    assert f"  file://{landing}/b.json, record 2: it is not JSON" in told.stdout
    assert "    not json" in lines

    loaded = await run("load", str(landing), "--pattern", "a.json", "--table", "sales.orders", "--data", str(data))
    assert loaded.exit_code == 0, loaded.output
    (landing / "a.json").write_text('{"id": 1, "more": true}\n')
    again = await run("preview", str(landing / "a.json"), "--table", "sales.orders", "--data", str(data), "-o", "json")
    assert again.exit_code == 0, again.output
    preview = json.loads(again.stdout)
    assert preview["table_exists"]
    assert [(each["path"], each["kind"]) for each in preview["changes"]] == [("more", "KIND_ADDED")]


async def test_a_stored_one_is_shown_as_an_executor_of_the_server_saw_it(
    autoloader: Autoloader, server: str, landing: Path
) -> None:
    source = f"file://{landing}"
    created = await autoloader("ingestions", "create", "orders", "--source", source, "--table", "sales.orders")
    assert created.exit_code == 0, created.output
    async with grpc.aio.insecure_channel(server) as channel:
        seen = pb.Preview(
            files=[previews_pb2.PreviewedFile(uri=f"{source}/a.json", records_read=1, is_whole=True)],
            rows=[previews_pb2.PreviewedRow(json='{"id":1}')],
        )
        answering = asyncio.ensure_future(_answer(LeaseServiceStub(channel), seen))
        told = await autoloader("ingestions", "preview", "orders", "--files", "1", "--rows", "7")
        lease = await answering
    assert told.exit_code == 0, told.output
    assert told.stdout.splitlines() == ["Files:", f"  {source}/a.json: 1 record", "Rows:", '  {"id":1}']
    assert (len(lease.preview.load.files), lease.preview.row_count) == (1, 7)


async def _answer(leases: LeaseServiceAsyncStub, seen: pb.Preview) -> leases_pb2.Lease:
    """Plays the executor."""
    request = leases_pb2.AcquireLeaseRequest(
        executor="e",
        request_id=str(uuid.uuid4()),
        wait=Duration(seconds=50),
        also_takes=[leases_pb2.FURTHER_WORK_PREVIEW],
    )
    lease = (await leases.AcquireLease(request)).lease
    await leases.CompletePreview(
        leases_pb2.CompletePreviewRequest(lease=lease.id, fence=lease.fence, attempt=lease.attempt, preview=seen)
    )
    return lease


async def test_a_source_that_cannot_be_listed_says_why_and_exits_1(autoloader: Autoloader, tmp_path: Path) -> None:
    ingestion = {"source": {"uri": f"file://{tmp_path}/none"}, "format": {"json": {}}, "destination": {"table": "a.b"}}
    told = await autoloader("ingestions", "preview", "--file", "-", stdin=json.dumps(ingestion))
    assert told.exit_code == 1
    assert "A run would load nothing. PATH_NOT_FOUND: " in told.stdout


async def test_a_preview_of_nothing_or_of_two_things_says_what_to_do(autoloader: Autoloader) -> None:
    for arguments in ((), ("orders", "--file", "x")):
        refused = await autoloader("ingestions", "preview", *arguments)
        assert refused.exit_code == 2
        assert "name a stored ingestion" in refused.output


async def test_a_source_that_is_not_there_is_refused_before_anything_starts(landing: Path) -> None:
    result = await run("preview", str(landing / "none"), "--data", str(landing.parent / "data"))
    assert (result.exit_code, "is not there" in result.stderr) == (1, True)
    assert not (landing.parent / "data").exists()


def test_everything_that_a_preview_tells_has_its_lines() -> None:
    change, category = schema_changes_pb2.SchemaChange, errors_pb2.ERROR_CATEGORY_SCHEMA_MISMATCH
    preview = pb.Preview(
        files=[
            previews_pb2.PreviewedFile(uri="s3://b/a", records_read=10_000, records_rejected=1),
            previews_pb2.PreviewedFile(uri="s3://b/b", error=errors_pb2.LoadError(category=category, message="No.")),
        ],
        rejected=[previews_pb2.RejectedRecord(file=0, content="{", reason="it ends too early")],
        changes=[
            change(kind=change.KIND_WIDENED, state=change.STATE_APPLIED, path="id", old_type="int", new_type="bigint"),
            change(kind=change.KIND_ADDED, state=change.STATE_HELD, path="x", new_type="string"),
        ],
        error=errors_pb2.LoadError(category=category, message="They do not fit."),
        is_truncated=True,
    )
    assert list(lines_of(preview)) == [
        "A run would load nothing. SCHEMA_MISMATCH: They do not fit.",
        "Files:",
        "  s3://b/a: the first 10,000 records, 1 of them cannot be read",
        "  s3://b/b\n    SCHEMA_MISMATCH: No.",
        "Cannot be read:",
        "  s3://b/a: it ends too early\n    {",
        "Loading them would change the table:",
        "  widened: `id` bigint, which is int",
        "Waits until somebody accepts or rejects it:",
        "  added: `x` string",
        "More was left out, to keep the answer short.",
    ]
    assert list(lines_of(pb.Preview())) == ["No file to load was found."]
