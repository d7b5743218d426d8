"""Records that cannot be read are in a table of their own, once, and the others are loaded; nothing is lost."""

from __future__ import annotations

from typing import Any

from autoloader.v1 import files_pb2, ingestions_pb2, runs_pb2

from tests.e2e.installation import Installation
from tests.e2e.places import Bucket
from tests.e2e.records import content_of_file, ids_of_file
from tests.servers.moto_server import MotoServer

SUCCEEDED = runs_pb2.Run.STATE_SUCCEEDED
BROKEN, WRONG = '{"id": 7, "name"', '{"id": "seven"}'


def kept_aside(installation: Installation, table: str) -> list[dict[str, Any]]:
    loaded = installation.lake.load(f"{table}__rejects")
    rows = loaded.scan().to_arrow().to_pylist() if loaded else []
    return sorted(rows, key=lambda row: (row["file"], row["record"]))


async def test_bad_records_are_kept_aside_and_the_others_load(
    installation: Installation, moto: MotoServer, table: str
) -> None:
    place = Bucket(moto, prefix="events/").make()
    for number in range(3):
        place.put(f"data-{number}.json", content_of_file(number))
    policy = ingestions_pb2.LoadPolicy(on_bad_record=ingestions_pb2.LoadPolicy.ON_BAD_RECORD_KEEP_ASIDE)
    ingestion = await installation.client.create(place.source, table=table, load=policy)
    assert (await installation.run(ingestion)).state == SUCCEEDED
    assert installation.lake.load(f"{table}__rejects") is None
    good = content_of_file(3).decode().splitlines()
    place.put("data-3.json", "\n".join([*good[:10], BROKEN, *good[10:500], WRONG, *good[500:]]).encode())
    place.put("data-4.json", b"no\nJSON\n")

    run = await installation.run(ingestion)

    assert (run.state, run.files_processed, run.files_failed) == (runs_pb2.Run.STATE_PARTIALLY_SUCCEEDED, 1, 1)
    assert (run.records_written, run.records_rejected) == (1000, 4), str(run)
    content = installation.lake.read(table)
    assert content is not None and content.holds_once(*map(ids_of_file, range(4)))
    first, second = kept_aside(installation, table)
    assert (first["record"], first["content"]) == (11, BROKEN)
    assert (second["record"], second["content"]) == (502, WRONG)
    assert "`id` is bigint" in second["reason"]
    assert {row["file"] for row in (first, second)} == {f"s3://{place.name}/events/data-3.json"}
    assert {row["run"] for row in (first, second)} == {run.name}
    files = await installation.client.list_files(ingestion)
    counts = {name: (file.records_written, file.records_rejected) for name, file in files.items()}
    assert (counts["data-3.json"], counts["data-4.json"]) == ((1000, 2), (0, 2))
    assert files["data-4.json"].state == files_pb2.File.STATE_FAILED

    again = await installation.run(ingestion)

    assert (again.files_processed, again.records_written, again.records_rejected) == (0, 0, 0)
    assert len(kept_aside(installation, table)) == 2
