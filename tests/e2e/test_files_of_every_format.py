"""E2E-05: whatever the format of the files, the same stories give the same figures."""

from __future__ import annotations

import pytest
from autoloader.v1 import files_pb2, ingestions_pb2, runs_pb2

from tests.e2e.formats import FILE_KINDS
from tests.e2e.installation import Installation
from tests.e2e.places import Bucket
from tests.e2e.records import COLUMNS, ids_of_file
from tests.servers.moto_server import MotoServer

SUCCEEDED = runs_pb2.Run.STATE_SUCCEEDED


@pytest.mark.parametrize("name", FILE_KINDS)
async def test_of_five_files_the_second_run_loads_the_two_new_ones(
    installation: Installation, moto: MotoServer, table: str, name: str
) -> None:
    kind, place = FILE_KINDS[name], Bucket(moto, prefix="events/").make()
    for number in range(3):
        place.put(f"data-{number}.{kind.suffix}", kind.content_of_file(number))
    ingestion = await installation.client.create(place.source, table=table, format=kind.format)

    run = await installation.run(ingestion)
    assert not run.errors, str(run)
    assert (run.state, run.files_processed, run.records_written) == (SUCCEEDED, 3, 3000)
    again = await installation.run(ingestion)
    assert (again.state, again.files_processed, again.records_written) == (SUCCEEDED, 0, 0)
    for number in (3, 4):
        place.put(f"data-{number}.{kind.suffix}", kind.content_of_file(number))
    more = await installation.run(ingestion)
    assert (more.state, more.files_processed, more.records_written) == (SUCCEEDED, 2, 2000)

    content = installation.lake.read(table)
    assert content is not None
    assert content.holds_once(*(ids_of_file(number) for number in range(5)))
    assert sorted(content.columns) == sorted(COLUMNS)
    assert {field.name: str(field.field_type) for field in content.table.schema().fields} == {
        name: {"id": "long", "value": "double"}.get(name, "string") for name in COLUMNS
    }
    files = await installation.client.list_files(ingestion)
    assert [(file.state, file.records_written) for file in files.values()] == [
        (files_pb2.File.STATE_PROCESSED, 1000)
    ] * 5


async def test_text_is_loaded_by_the_line(installation: Installation, moto: MotoServer, table: str) -> None:
    place = Bucket(moto).make()
    place.put("a.log", b"one\n\nthree\n")
    place.put("latin.log", b"caf\xe9\n")
    format = ingestions_pb2.Format(text=ingestions_pb2.TextFormat())
    ingestion = await installation.client.create(place.source, table=table, format=format)

    run = await installation.run(ingestion)

    assert (run.files_processed, run.files_failed, run.records_written) == (1, 1, 3)
    assert "UTF-8" in run.errors[0].message
    loaded = installation.lake.load(table)
    assert loaded is not None
    assert sorted(loaded.scan().to_arrow()["value"].to_pylist()) == ["", "one", "three"]
