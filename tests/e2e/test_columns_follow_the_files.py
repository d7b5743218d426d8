"""E2E-04: files with more fields than those before; each policy does what it says, and the history tells."""

from __future__ import annotations

import json

from autoloader.v1 import files_pb2, ingestions_pb2, runs_pb2, schema_changes_pb2, schemas_pb2

from tests.e2e.installation import Installation
from tests.e2e.lake import TableContent
from tests.e2e.places import Bucket
from tests.e2e.records import COLUMNS, content_of_file, ids_of_file, record
from tests.servers.moto_server import MotoServer

Policy = ingestions_pb2.SchemaPolicy
Change = schema_changes_pb2.SchemaChange
Resolve = schemas_pb2.ResolveSchemaChangeRequest
SUCCEEDED = runs_pb2.Run.STATE_SUCCEEDED
ALL = tuple(ids_of_file(number) for number in range(5))


def with_more_fields(number: int) -> bytes:
    records = (
        {**record(id), "region": "eu", "metadata": {"source": "api", "version": id}} for id in ids_of_file(number)
    )
    return "".join(f"{json.dumps(each)}\n" for each in records).encode()


async def begin(
    installation: Installation, moto: MotoServer, table: str, policy: Policy.OnSchemaChange.ValueType
) -> str:
    """The base files are loaded, and those with more fields wait; the ingestion's name."""
    place = Bucket(moto, prefix="events/").make()
    for number in range(3):
        place.put(f"data-{number}.json", content_of_file(number))
    ingestion = await installation.client.create(place.source, table=table, schema=Policy(on_schema_change=policy))
    run = await installation.run(ingestion)
    assert (run.state, run.records_written) == (SUCCEEDED, 3000), str(run)
    for number in (3, 4):
        place.put(f"data-{number}.json", with_more_fields(number))
    return ingestion


def read(installation: Installation, table: str) -> TableContent:
    content = installation.lake.read(table)
    assert content is not None
    return content


async def versions(installation: Installation, ingestion: str) -> list[schemas_pb2.SchemaVersion]:
    request = schemas_pb2.ListSchemaVersionsRequest(parent=ingestion)
    answer = await installation.client.schemas.ListSchemaVersions(request)
    return sorted(answer.schema_versions, key=lambda version: version.name)


async def test_new_fields_are_columns_after_the_run_that_saw_them(
    installation: Installation, moto: MotoServer, table: str
) -> None:
    ingestion = await begin(installation, moto, table, Policy.ON_SCHEMA_CHANGE_UNSPECIFIED)

    run = await installation.run(ingestion)

    assert (run.state, run.files_processed, run.records_written) == (SUCCEEDED, 2, 2000), str(run)
    content = read(installation, table)
    assert content.holds_once(*ALL)
    assert [*COLUMNS, "metadata", "region"] == [*COLUMNS, *sorted(set(content.columns) - set(COLUMNS) - NESTED)]
    rows = content.table.scan().to_arrow().sort_by("id")
    assert rows["region"].null_count == rows["metadata"].null_count == 3000
    assert rows["metadata"][4999].as_py() == {"source": "api", "version": 4999}
    first, second = await versions(installation, ingestion)
    assert len(first.columns) == 5 and not first.changes
    assert {(change.path, change.kind) for change in second.changes} == {
        ("region", Change.KIND_ADDED),
        ("metadata", Change.KIND_ADDED),
    }


async def test_fields_that_are_ignored_are_left_out_and_told(
    installation: Installation, moto: MotoServer, table: str
) -> None:
    ingestion = await begin(installation, moto, table, Policy.ON_SCHEMA_CHANGE_IGNORE)

    run = await installation.run(ingestion)

    assert (run.state, run.records_written) == (SUCCEEDED, 2000), str(run)
    content = read(installation, table)
    assert content.holds_once(*ALL)
    assert sorted(content.columns) == sorted(COLUMNS)
    told = {(warning.subject, warning.record_count) for warning in run.warnings}
    assert {("region", 2000), ("metadata", 2000)} <= told
    assert len(await versions(installation, ingestion)) == 1


async def test_files_wait_for_a_person_who_accepts(installation: Installation, moto: MotoServer, table: str) -> None:
    ingestion = await begin(installation, moto, table, Policy.ON_SCHEMA_CHANGE_FAIL)
    await files_wait(installation, ingestion, table)

    await decide(installation, ingestion, Resolve.RESOLUTION_ACCEPT)
    run = await installation.run(ingestion)

    assert (run.state, run.files_processed, run.records_written) == (SUCCEEDED, 2, 2000), str(run)
    content = read(installation, table)
    assert content.holds_once(*ALL)
    assert {"region", "metadata"} <= set(content.columns)


async def test_files_wait_for_a_person_who_rejects(installation: Installation, moto: MotoServer, table: str) -> None:
    ingestion = await begin(installation, moto, table, Policy.ON_SCHEMA_CHANGE_FAIL)
    await files_wait(installation, ingestion, table)

    await decide(installation, ingestion, Resolve.RESOLUTION_REJECT)
    run = await installation.run(ingestion)

    assert (run.state, run.files_processed, run.records_written) == (SUCCEEDED, 2, 2000), str(run)
    content = read(installation, table)
    assert content.holds_once(*ALL)
    assert sorted(content.columns) == sorted(COLUMNS)


# PyIceberg names the fields within columns, too.
NESTED = {"metadata.source", "metadata.version"}


async def files_wait(installation: Installation, ingestion: str, table: str) -> None:
    before = read(installation, table)
    run = await installation.run(ingestion)
    assert (run.state, run.files_failed, run.records_written) == (runs_pb2.Run.STATE_FAILED, 2, 0)
    files = await installation.client.list_files(ingestion)
    assert {name for name, file in files.items() if file.state == files_pb2.File.STATE_FAILED} == {
        "data-3.json",
        "data-4.json",
    }
    assert "`region` as string" in files["data-3.json"].error.message
    after = read(installation, table)
    assert (after.columns, after.snapshot_ids) == (before.columns, before.snapshot_ids)


async def decide(installation: Installation, ingestion: str, resolution: Resolve.Resolution.ValueType) -> None:
    schemas = installation.client.schemas
    held = await schemas.ListSchemaChanges(
        schemas_pb2.ListSchemaChangesRequest(parent=ingestion, filter="state = HELD")
    )
    assert {change.path for change in held.schema_changes} == {"region", "metadata"}
    for change in held.schema_changes:
        await schemas.ResolveSchemaChange(Resolve(name=change.name, resolution=resolution))
