"""Each row of a table says of which file, run and time it is, where the ingestion wants that."""

from __future__ import annotations

from datetime import UTC, datetime

from autoloader.v1 import ingestions_pb2, runs_pb2

from tests.e2e.installation import Installation
from tests.e2e.places import Bucket
from tests.e2e.records import COLUMNS, content_of_file, ids_of_file
from tests.servers.moto_server import MotoServer

Kind = ingestions_pb2.MetadataColumn.Kind
WANTED = [
    ingestions_pb2.MetadataColumn(kind=Kind.KIND_SOURCE_FILE),
    ingestions_pb2.MetadataColumn(kind=Kind.KIND_SOURCE_MODIFICATION_TIME),
    ingestions_pb2.MetadataColumn(kind=Kind.KIND_LOAD_TIME, name="loaded"),
    ingestions_pb2.MetadataColumn(kind=Kind.KIND_RUN),
]
NAMES = ["_source_file", "_source_modification_time", "loaded", "_run"]


async def test_rows_say_where_they_come_from(installation: Installation, moto: MotoServer, table: str) -> None:
    place = Bucket(moto, prefix="events/").make()
    began = datetime.now(UTC)
    ingestion = await installation.client.create(place.source, table=table, metadata_columns=WANTED)
    runs: list[runs_pb2.Run] = []
    for number in range(2):
        place.put(f"day {number}.json", content_of_file(number))
        runs.append(await installation.run(ingestion))

    assert [run.state for run in runs] == [runs_pb2.Run.STATE_SUCCEEDED] * 2
    content = installation.lake.read(table)
    assert content is not None and content.holds_once(*map(ids_of_file, range(2)))
    assert sorted(content.columns[:-4]) == sorted(COLUMNS)
    assert content.columns[-4:] == NAMES
    for number, run in enumerate(runs):
        rows = content.table.scan(f"_run = '{run.name}'").to_arrow()
        assert sorted(rows["id"].to_pylist()) == list(ids_of_file(number))
        assert set(rows["_source_file"].to_pylist()) == {f"s3://{place.name}/events/day {number}.json"}
        (modified,), (loaded,) = (set(rows[name].to_pylist()) for name in ("_source_modification_time", "loaded"))
        assert began.replace(microsecond=0) <= modified <= loaded <= datetime.now(UTC)
