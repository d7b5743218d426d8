"""E2E-03: what goes wrong is named and stops nothing else; without its cause, exactly what was missing is loaded."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest
from autoloader.v1 import errors_pb2, files_pb2, ingestions_pb2, runs_pb2
from google.protobuf.field_mask_pb2 import FieldMask

from tests.control_plane.api.refusals import refused
from tests.e2e.installation import Installation
from tests.e2e.places import Bucket, Folder
from tests.e2e.records import content_of_file
from tests.servers.moto_server import MotoServer
from tests.servers.server import S3Keys

Run = runs_pb2.Run
File = files_pb2.File
Category = errors_pb2.ErrorCategory
PROCESSED, FAILED = File.STATE_PROCESSED, File.STATE_FAILED
NO_ERROR = Category.ERROR_CATEGORY_UNSPECIFIED


@pytest.fixture(autouse=True)
async def _the_services_live_on(installation: Installation) -> AsyncIterator[None]:
    yield
    assert all(service.is_running for service in installation.services)


async def test_a_file_that_is_not_json_is_named_and_the_good_ones_are_loaded(
    installation: Installation, table: str
) -> None:
    place = Folder(installation.folder / table)
    place.put("data-0.json", content_of_file(0))
    place.put("data-1.json", b'{"id": 1000}\nthis is not JSON\n')
    place.put("data-2.json", content_of_file(2))
    ingestion = await installation.client.create(place.source, table=table)

    run = await installation.run(ingestion)

    assert (run.state, run.files_processed, run.files_failed) == (Run.STATE_PARTIALLY_SUCCEEDED, 2, 1)
    assert await holds(installation, table, range(1000), range(2000, 3000))
    bad = (await installation.client.list_files(ingestion))["data-1.json"]
    assert (bad.state, bad.error.category) == (File.STATE_FAILED, Category.ERROR_CATEGORY_DATA_MALFORMED)
    assert "line 2" in bad.error.message
    (error,) = run.errors
    assert (error.category, error.file, error.file_count) == (bad.error.category, bad.name, 1)

    place.put("data-1.json", content_of_file(1))
    run = await installation.run(ingestion)

    assert (run.state, run.files_processed, run.records_written) == (Run.STATE_SUCCEEDED, 1, 1000)
    assert await holds(installation, table, range(3000))


async def test_a_missing_bucket_is_named_and_what_is_put_there_later_is_loaded(
    installation: Installation, moto: MotoServer, table: str
) -> None:
    place = Bucket(moto)
    ingestion = await installation.client.create(place.source, table=table)

    assert_it_failed(await installation.run(ingestion), Category.ERROR_CATEGORY_BUCKET_NOT_FOUND)

    place.make().put("data-0.json", content_of_file(0))
    assert (await installation.run(ingestion)).state == Run.STATE_SUCCEEDED
    assert await holds(installation, table, range(1000))


@pytest.mark.parametrize("wrong", ["key", "secret"])
async def test_a_wrong_key_is_told_and_the_right_one_loads(
    installation: Installation, moto: MotoServer, table: str, wrong: str
) -> None:
    place = Bucket(moto).make()
    place.put("data-0.json", content_of_file(0))
    right = moto.user(place.name, "s3:ListBucket", "s3:GetObject")
    keys = right.with_wrong_secret() if wrong == "secret" else S3Keys("AKIANOBODY0000000000", right.secret_access_key)
    ingestion = await installation.client.create(place.source_for(keys), table=table)

    run = await installation.run(ingestion)

    assert_it_failed(run, Category.ERROR_CATEGORY_AUTHENTICATION)
    assert right.secret_access_key not in str(run)

    await give_keys(installation, ingestion, place.source_for(right))
    assert (await installation.run(ingestion)).state == Run.STATE_SUCCEEDED
    assert await holds(installation, table, range(1000))


async def test_files_that_may_be_listed_but_not_read_wait_for_the_right(
    installation: Installation, moto: MotoServer, table: str
) -> None:
    place = Bucket(moto).make()
    place.put("data-0.json", content_of_file(0))
    lister = place.source_for(moto.user(place.name, "s3:ListBucket"))
    ingestion = await installation.client.create(lister, table=table)

    assert_it_failed(await installation.run(ingestion), Category.ERROR_CATEGORY_PERMISSION)
    assert await told(installation, ingestion) == {"data-0.json": (FAILED, Category.ERROR_CATEGORY_PERMISSION)}

    await give_keys(installation, ingestion, place.source)
    assert (await installation.run(ingestion)).state == Run.STATE_SUCCEEDED
    assert await holds(installation, table, range(1000))


async def test_without_the_right_to_list_nothing_is_seen_until_it_is_granted(
    installation: Installation, moto: MotoServer, table: str
) -> None:
    place = Bucket(moto).make()
    place.put("data-0.json", content_of_file(0))
    reader = place.source_for(moto.user(place.name, "s3:GetObject"))
    ingestion = await installation.client.create(reader, table=table)

    run = await installation.run(ingestion)

    assert_it_failed(run, Category.ERROR_CATEGORY_PERMISSION)
    assert "s3:ListBucket" in run.errors[0].message
    assert await told(installation, ingestion) == {}

    await give_keys(installation, ingestion, place.source)
    assert (await installation.run(ingestion)).state == Run.STATE_SUCCEEDED
    assert await holds(installation, table, range(1000))


@pytest.mark.parametrize("prefix", ["", "events/"])
async def test_where_nothing_is_yet_nothing_fails_and_what_comes_is_loaded(
    installation: Installation, moto: MotoServer, table: str, prefix: str
) -> None:
    place = Bucket(moto, prefix=prefix).make()
    if prefix:
        Bucket(moto, prefix="events2/", name=place.name).put("data-0.json", content_of_file(0))
    ingestion = await installation.client.create(place.source, table=table)

    run = await installation.run(ingestion)

    assert (run.state, run.files_discovered, run.records_written) == (Run.STATE_SUCCEEDED, 0, 0)
    assert installation.lake.read(table) is None

    place.put("data-1.json", content_of_file(1))
    assert (await installation.run(ingestion)).files_processed == 1
    assert await holds(installation, table, range(1000, 2000))


async def test_a_missing_folder_is_named_and_what_is_put_there_later_is_loaded(
    installation: Installation, table: str
) -> None:
    place = Folder(installation.folder / table)
    ingestion = await installation.client.create(place.source, table=table)

    assert_it_failed(await installation.run(ingestion), Category.ERROR_CATEGORY_PATH_NOT_FOUND)

    place.put("data-0.json", content_of_file(0))
    assert (await installation.run(ingestion)).state == Run.STATE_SUCCEEDED
    assert await holds(installation, table, range(1000))


async def test_a_file_that_is_not_json_fails_the_run_when_it_is_alone(installation: Installation, table: str) -> None:
    place = Folder(installation.folder / table)
    place.put("data-0.json", b"this is not JSON\n")
    ingestion = await installation.client.create(place.source, table=table)

    assert_it_failed(await installation.run(ingestion), Category.ERROR_CATEGORY_DATA_MALFORMED)
    assert await told(installation, ingestion) == {"data-0.json": (FAILED, Category.ERROR_CATEGORY_DATA_MALFORMED)}
    assert installation.lake.read(table) is None
    assert (await installation.run(ingestion)).files_discovered == 0

    place.put("data-0.json", content_of_file(0))
    assert (await installation.run(ingestion)).files_processed == 1
    assert await holds(installation, table, range(1000))


async def test_an_empty_file_is_done_with_until_it_is_filled(
    installation: Installation, moto: MotoServer, table: str
) -> None:
    place = Bucket(moto).make()
    place.put("data-0.json", b"")
    ingestion = await installation.client.create(place.source, table=table)

    run = await installation.run(ingestion)

    assert (run.state, run.files_processed, run.records_written) == (Run.STATE_SUCCEEDED, 1, 0)
    assert await told(installation, ingestion) == {"data-0.json": (PROCESSED, NO_ERROR)}
    assert installation.lake.read(table) is None
    assert (await installation.run(ingestion)).files_processed == 0


async def test_an_unknown_field_in_a_mask_is_refused(installation: Installation, table: str) -> None:
    name = await installation.client.create(Folder(installation.folder / table).source, table=table)
    request = ingestions_pb2.UpdateIngestionRequest(
        ingestion=ingestions_pb2.Ingestion(name=name), update_mask=FieldMask(paths=["load.no_such_field"])
    )

    refusal = await refused(installation.client.ingestions.UpdateIngestion(request))

    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert list(refusal.violations) == ["update_mask"]
    assert "load.no_such_field" in refusal.violations["update_mask"]


async def test_a_bad_glob_is_refused(installation: Installation, table: str) -> None:
    source = Folder(installation.folder / table).source
    source.pattern = "[a"

    refusal = await refused(installation.client.create(source, table=table))

    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert list(refusal.violations) == ["ingestion.source.pattern"]


async def test_a_page_token_from_another_list_is_refused(installation: Installation, table: str) -> None:
    client = installation.client
    for _ in range(2):
        await client.create(Folder(installation.folder / table).source, table=table)
    page = await client.ingestions.ListIngestions(ingestions_pb2.ListIngestionsRequest(page_size=1))
    elsewhere = runs_pb2.ListRunsRequest(parent="ingestions/-", page_token=page.next_page_token)

    refusal = await refused(client.runs.ListRuns(elsewhere))

    assert page.next_page_token
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID")


def assert_it_failed(run: Run, category: int) -> None:
    assert (run.state, run.records_written) == (Run.STATE_FAILED, 0)
    (error,) = run.errors
    assert error.category == category
    assert error.message


async def holds(installation: Installation, table: str, *ids: range) -> bool:
    content = installation.lake.read(table)
    assert content is not None
    return content.holds_once(*ids)


async def told(installation: Installation, ingestion: str) -> dict[str, tuple[int, int]]:
    """The state of each file, with the category of its error."""
    files = await installation.client.list_files(ingestion)
    return {name: (file.state, file.error.category) for name, file in files.items()}


async def give_keys(installation: Installation, name: str, source: ingestions_pb2.Source) -> None:
    request = ingestions_pb2.UpdateIngestionRequest(
        ingestion=ingestions_pb2.Ingestion(name=name, source=source),
        update_mask=FieldMask(paths=["source.credentials"]),
    )
    await installation.client.ingestions.UpdateIngestion(request)
