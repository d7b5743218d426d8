"""E2E: somebody looks at what a run would do, changes nothing by that, and finds it so when it has run."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import asyncpg
import grpc
from autoloader.v1 import errors_pb2, ingestions_pb2, schema_changes_pb2

from tests.control_plane.api.refusals import refused
from tests.e2e.installation import Installation, add_executor
from tests.e2e.places import Bucket
from tests.servers.moto_server import MotoServer

PREVIEW_SECONDS = 90.0
LOOK_SECONDS = 0.05


async def preview(
    installation: Installation, *, name: str = "", ingestion: ingestions_pb2.Ingestion | None = None
) -> ingestions_pb2.Preview:
    request = ingestions_pb2.PreviewIngestionRequest(ingestion=ingestion)
    if name:
        request.name = name
    return (await installation.client.ingestions.PreviewIngestion(request, timeout=PREVIEW_SECONDS)).preview


async def test_what_is_previewed_is_what_is_loaded_then(
    installation: Installation, moto: MotoServer, table: str
) -> None:
    place = Bucket(moto, prefix="events/").make()
    place.put("data-0.csv", b"id,name\n1,a\n2,b\n")
    place.put("data-1.csv", b"id,name\n3,c\nthree\n")
    described = ingestions_pb2.Ingestion(
        source=place.source,
        format=ingestions_pb2.Format(csv=ingestions_pb2.CsvFormat()),
        destination=ingestions_pb2.Destination(table=table),
    )

    seen = await preview(installation, ingestion=described)

    assert not seen.HasField("error"), str(seen)
    assert [(column.name, column.type) for column in seen.columns] == [("id", "bigint"), ("name", "string")]
    assert [json.loads(row.json) for row in seen.rows] == [
        {"id": number, "name": name} for number, name in ((1, "a"), (2, "b"), (3, "c"))
    ]
    assert [(one.file, one.content) for one in seen.rejected] == [(1, "three")]
    assert (seen.table_exists, installation.lake.read(table)) == (False, None)

    load = ingestions_pb2.LoadPolicy(on_bad_record=ingestions_pb2.LoadPolicy.ON_BAD_RECORD_KEEP_ASIDE)
    ingestion = await installation.client.create(place.source, table=table, format=described.format, load=load)
    run = await installation.run(ingestion)
    assert (run.records_written, run.records_rejected) == (3, 1)

    place.put("data-2.csv", b"id,name,more\n4,d,x\n")
    seen = await preview(installation, name=ingestion)
    added = schema_changes_pb2.SchemaChange.KIND_ADDED
    assert seen.table_exists
    assert [(change.kind, change.path, change.new_type) for change in seen.changes] == [(added, "more", "string")]
    assert sorted(await installation.client.list_files(ingestion)) == ["data-0.csv", "data-1.csv"]
    content = installation.lake.read(table)
    assert content is not None
    assert [field.name for field in content.table.schema().fields] == ["id", "name"]


async def test_keys_that_the_store_refuses_are_told(installation: Installation, moto: MotoServer, table: str) -> None:
    place = Bucket(moto, prefix="events/").make()
    place.put("data-0.json", b'{"id": 1}\n')
    described = ingestions_pb2.Ingestion(
        source=place.source,
        format=ingestions_pb2.Format(json=ingestions_pb2.JsonFormat()),
        destination=ingestions_pb2.Destination(table=table),
    )
    described.source.credentials.static_keys.secret_access_key = "wrong-secret-of-the-test"
    seen = await preview(installation, ingestion=described)
    assert seen.error.category == errors_pb2.ERROR_CATEGORY_AUTHENTICATION
    assert "wrong-secret-of-the-test" not in str(seen)


async def test_an_executor_that_dies_while_it_reads_is_told_of_and_another_answers_the_next_call(
    own_installation: Installation, data_folder: Path, moto: MotoServer, table: str
) -> None:
    place = Bucket(moto, prefix="events/").make()
    place.put("data-0.json", b'{"id": 1}\n')
    ingestion = await own_installation.client.create(place.source, table=table)
    executor = await add_executor(own_installation, data_folder=data_folder, name="first")
    asking = asyncio.ensure_future(preview(own_installation, name=ingestion))
    await _taken(own_installation)
    executor.kill()  # Spark starts with the first work, so that it cannot have read anything yet
    await executor.ended()

    refusal = await refused(asking)

    assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "EXECUTOR_UNAVAILABLE")
    assert "fell silent" in refusal.message
    await add_executor(own_installation, data_folder=data_folder, name="second")
    seen = await preview(own_installation, name=ingestion)
    assert [json.loads(row.json) for row in seen.rows] == [{"id": 1}]
    assert own_installation.lake.read(table) is None


async def _taken(installation: Installation) -> None:
    """Returns when an executor has the preview."""
    connection = await asyncpg.connect(installation.database_url)
    try:
        async with asyncio.timeout(20):
            while True:
                if await connection.fetchval("SELECT count(*) FROM previews WHERE holder IS NOT NULL"):
                    return
                await asyncio.sleep(LOOK_SECONDS)
    finally:
        await connection.close()
