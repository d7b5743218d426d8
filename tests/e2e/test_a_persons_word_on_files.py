"""A person asks why a file is not loaded, tests a connection, and rules files out: nothing loads twice for it."""

from __future__ import annotations

import pytest
from autoloader.v1 import errors_pb2, files_pb2, ingestions_pb2, runs_pb2

from tests.e2e.installation import Installation
from tests.e2e.places import Bucket, Folder
from tests.e2e.records import content_of_file
from tests.servers.moto_server import MotoServer

Run = runs_pb2.Run
File = files_pb2.File
Answer = files_pb2.ExplainFileResponse
POISON = b'{"id": 1000}\nthis is not JSON\n'


async def test_a_file_that_is_ruled_out_stays_out_until_it_is_taken_back(
    installation: Installation, table: str
) -> None:
    files = installation.client.files
    place = Folder(installation.folder / table)
    place.put("data-0.json", content_of_file(0))
    place.put("data-1.json", POISON)
    ingestion = await installation.client.create(place.source, table=table)
    assert (await installation.run(ingestion)).state == Run.STATE_PARTIALLY_SUCCEEDED
    assert await verdict(installation, ingestion, "data-0.json") == Answer.VERDICT_LOADED
    assert await verdict(installation, ingestion, "data-1.json") == Answer.VERDICT_FAILED

    skip = files_pb2.SkipFilesRequest(parent=ingestion, filter="NOT state = PROCESSED", reason="Cut off.")
    assert (await files.SkipFiles(skip)).file_count == 1
    run = await installation.run(ingestion)
    assert (run.state, run.files_discovered, run.files_failed) == (Run.STATE_SUCCEEDED, 0, 0)
    assert await verdict(installation, ingestion, "data-1.json") == Answer.VERDICT_SKIPPED

    retry = files_pb2.RetryFilesRequest(parent=ingestion, include_skipped=True)
    assert (await files.RetryFiles(retry)).file_count == 1
    assert (await installation.run(ingestion)).files_failed == 1

    assert (await files.SkipFiles(skip)).file_count == 1
    place.put("data-1.json", content_of_file(1))
    run = await installation.run(ingestion)
    assert (run.state, run.files_processed, run.records_written) == (Run.STATE_SUCCEEDED, 1, 1000)
    content = installation.lake.read(table)
    assert content is not None and content.holds_once(range(2000))


async def test_an_object_that_is_not_loaded_says_why(installation: Installation, table: str) -> None:
    place = Folder(installation.folder / table)
    source = place.source
    source.pattern, source.exclude[:] = "*.json", ["old-*"]
    ingestion = await installation.client.create(source, table=table)
    place.put("data-0.json", content_of_file(0))
    assert await verdict(installation, ingestion, "data-0.json") == Answer.VERDICT_NOT_SEEN
    assert (await installation.run(ingestion)).state == Run.STATE_SUCCEEDED
    for name, expected in (
        ("data-0.json", Answer.VERDICT_LOADED),
        ("data-1.json", Answer.VERDICT_NOT_SEEN),
        ("data-0.csv", Answer.VERDICT_NOT_MATCHED),
        ("old-0.json", Answer.VERDICT_EXCLUDED),
        ("_0.json", Answer.VERDICT_NAME_UNSUPPORTED),
    ):
        assert await verdict(installation, ingestion, name) == expected, name


@pytest.mark.parametrize("is_stored", [True, False])
async def test_a_connection_is_tested_before_a_run_could_fail_on_it(
    installation: Installation, moto: MotoServer, table: str, is_stored: bool
) -> None:
    place = Bucket(moto).make()
    place.put("data-0.json", content_of_file(0))
    right = moto.user(place.name, "s3:ListBucket", "s3:GetObject")

    async def check(source: ingestions_pb2.Source) -> ingestions_pb2.CheckIngestionResponse:
        if is_stored:
            name = await installation.client.create(source, table=table)
            request = ingestions_pb2.CheckIngestionRequest(name=name)
        else:
            format = ingestions_pb2.Format(json=ingestions_pb2.JsonFormat())
            destination = ingestions_pb2.Destination(table=table)
            described = ingestions_pb2.Ingestion(source=source, format=format, destination=destination)
            request = ingestions_pb2.CheckIngestionRequest(ingestion=described)
        return await installation.client.ingestions.CheckIngestion(request)

    refused = await check(place.source_for(right.with_wrong_secret()))
    assert refused.error.category == errors_pb2.ERROR_CATEGORY_AUTHENTICATION
    told = await check(place.source_for(right))
    assert (told.is_complete, told.file_count, told.HasField("error")) == (True, 1, False)
    assert list(told.sample_uris) == [f"s3://{place.name}/data-0.json"]


async def verdict(installation: Installation, ingestion: str, name: str) -> int:
    request = ingestions_pb2.GetIngestionRequest(name=ingestion)
    root = (await installation.client.ingestions.GetIngestion(request)).source.uri
    explain = files_pb2.ExplainFileRequest(parent=ingestion, uri=f"{root}/{name}")
    return (await installation.client.files.ExplainFile(explain)).verdict
