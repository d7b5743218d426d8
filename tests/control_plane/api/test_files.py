"""The door to files, over gRPC on a real ledger."""

from __future__ import annotations

import grpc
import pytest
from autoloader.v1 import errors_pb2
from autoloader.v1 import files_pb2 as pb

from control_plane.domain.lease import FileException
from control_plane.domain.run import Run
from tests.control_plane.api.conftest import Client
from tests.control_plane.api.refusals import refused
from tests.control_plane.ledger.steps import MALFORMED, Steps, a_staging, some_files

PARENT = "ingestions/orders"


async def one_failed_of_three(steps: Steps) -> Run:
    _, run = await steps.offered(some_files(3))
    lease = await steps.held()
    broken = FileException(index=1, outcome="FAILED", error=MALFORMED, records_rejected=4)
    await steps.stage(lease, a_staging(10, 0, 30, exceptions=[broken]))
    await steps.complete(lease, 88)
    return run


async def listed(client: Client, filter: str = "", **fields: object) -> list[pb.File]:
    request = pb.ListFilesRequest(parent=PARENT, filter=filter, **fields)  # type: ignore[arg-type]
    return list((await client.files.ListFiles(request)).files)


async def test_a_file_tells_what_became_of_it(client: Client, steps: Steps) -> None:
    run = await one_failed_of_three(steps)
    loaded, failed, _ = await listed(client)
    assert (loaded.state, loaded.records_written, loaded.snapshot_id) == (pb.File.STATE_PROCESSED, 10, 88)
    assert loaded.uri == "s3://bucket/0000.json"
    assert loaded.run == f"{PARENT}/runs/{run.run_id}"
    assert not loaded.HasField("error")
    assert (failed.state, failed.records_rejected) == (pb.File.STATE_FAILED, 4)
    assert failed.error.category == errors_pb2.ERROR_CATEGORY_DATA_MALFORMED
    assert failed.error.message == "Line 1 is not JSON."
    assert failed.error.file == failed.name
    assert await client.files.GetFile(pb.GetFileRequest(name=failed.name)) == failed


async def test_filters_choose_files(client: Client, steps: Steps) -> None:
    run = await one_failed_of_three(steps)
    for filter, count in (
        ("state = FAILED", 1),
        ("category = DATA_MALFORMED AND state != PROCESSED", 1),
        ("category = THROTTLED", 0),
        (f"run = {PARENT}/runs/{run.run_id}", 3),
        (f'run != "{PARENT}/runs/{run.run_id}"', 0),
        ("uri = s3://bucket/0002.json", 1),
        ("size_bytes > 99 AND size_bytes < 101", 3),
        ("discover_time < 2020-01-01T00:00:00Z", 0),
        ("NOT category = DATA_MALFORMED", 2),
        ("state = FAILED OR uri:0002 AND size_bytes <= 100", 2),
        ("-(state = FAILED OR uri:0002)", 1),
    ):
        assert len(await listed(client, filter)) == count, filter


@pytest.mark.parametrize(
    "filter", ["run = 5", "run = ingestions/others/runs/5", "category = BAD", "size_bytes = big", "state < FAILED"]
)
async def test_a_filter_with_a_value_that_cannot_be_is_refused(client: Client, steps: Steps, filter: str) -> None:
    await steps.create()
    assert list((await refused(listed(client, filter))).violations) == ["filter"]


async def test_files_are_paged_as_they_were_discovered(client: Client, steps: Steps) -> None:
    await steps.offered(some_files(5))
    uris: list[str] = []
    token = ""
    while token or not uris:
        answer = await client.files.ListFiles(pb.ListFilesRequest(parent=PARENT, page_size=2, page_token=token))
        uris += [file.uri for file in answer.files]
        token = answer.next_page_token
    assert uris == [file.uri for file in some_files(5)]


async def test_files_are_counted_by_state(client: Client, steps: Steps) -> None:
    await one_failed_of_three(steps)
    answer = await client.files.SummarizeFiles(pb.SummarizeFilesRequest(parent=PARENT))
    assert [
        (each.state, each.file_count, each.records_written, each.records_rejected) for each in answer.summaries
    ] == [
        (pb.File.STATE_PROCESSED, 2, 40, 0),
        (pb.File.STATE_FAILED, 1, 0, 4),
    ]


async def test_failed_files_are_set_back_by_name_or_by_filter(client: Client, steps: Steps) -> None:
    await one_failed_of_three(steps)
    (failed,) = await listed(client, "state = FAILED")
    loaded = (await listed(client, "state = PROCESSED"))[0]
    trial = pb.RetryFilesRequest(parent=PARENT, filter="category = DATA_MALFORMED", validate_only=True)
    assert (await client.files.RetryFiles(trial)).file_count == 1
    assert len(await listed(client, "state = FAILED")) == 1
    request = pb.RetryFilesRequest(parent=PARENT, names=[failed.name, loaded.name])
    assert (await client.files.RetryFiles(request)).file_count == 1
    assert [file.name for file in await listed(client, "state = PENDING")] == [failed.name]


async def test_a_retry_that_is_not_clear_is_refused(client: Client, steps: Steps) -> None:
    await steps.create()
    other = "ingestions/others/files/0000000000000001"
    for request, violated in (
        (pb.RetryFilesRequest(parent=PARENT, names=[other]), "names[0]"),
        (pb.RetryFilesRequest(parent=PARENT, names=["x"]), "names[0]"),
        (
            pb.RetryFilesRequest(parent=PARENT, names=[other.replace("others", "orders")], filter="state = FAILED"),
            "filter",
        ),
        (pb.RetryFilesRequest(parent=PARENT, names=[other] * 1001), "names"),
    ):
        assert list((await refused(client.files.RetryFiles(request))).violations) == [violated]


async def test_files_are_ruled_out_with_a_reason_and_taken_up_again(client: Client, steps: Steps) -> None:
    await one_failed_of_three(steps)
    by_filter = pb.SkipFilesRequest(parent=PARENT, filter="category = DATA_MALFORMED", reason="A copy of 0000.")
    trial = pb.SkipFilesRequest(parent=PARENT, filter=by_filter.filter, validate_only=True)
    assert (await client.files.SkipFiles(trial)).file_count == 1
    assert (await client.files.SkipFiles(by_filter)).file_count == 1
    (skipped,) = await listed(client, "state = SKIPPED")
    assert skipped.error.category == errors_pb2.ERROR_CATEGORY_SKIPPED_BY_PERSON
    assert skipped.error.message == "A person ruled this file out: A copy of 0000."
    assert (await client.files.RetryFiles(pb.RetryFilesRequest(parent=PARENT))).file_count == 0
    asked = pb.RetryFilesRequest(parent=PARENT, include_skipped=True)
    assert (await client.files.RetryFiles(asked)).file_count == 1
    named = pb.SkipFilesRequest(parent=PARENT, names=[skipped.name], request_id="once")
    assert [(await client.files.SkipFiles(named)).file_count for _ in range(2)] == [1, 1]
    assert (await client.files.SkipFiles(pb.SkipFilesRequest(parent=PARENT, names=[skipped.name]))).file_count == 0


@pytest.mark.parametrize(
    ("request_", "violated"),
    [
        (pb.SkipFilesRequest(parent=PARENT), "names"),
        (pb.SkipFilesRequest(parent=PARENT, filter=" "), "names"),
        (pb.SkipFilesRequest(parent=PARENT, filter="state = FAILED", reason="x" * 201), "reason"),
        (pb.SkipFilesRequest(parent=PARENT, filter="state = FAILED", reason="two\nlines"), "reason"),
        (pb.SkipFilesRequest(parent=PARENT, filter="state = GONE"), "filter"),
        (pb.SkipFilesRequest(parent=PARENT, names=["x"]), "names[0]"),
    ],
)
async def test_a_skip_that_is_not_clear_is_refused(
    client: Client, steps: Steps, request_: pb.SkipFilesRequest, violated: str
) -> None:
    await steps.create()
    assert list((await refused(client.files.SkipFiles(request_))).violations) == [violated]


@pytest.mark.parametrize("id", ["1", "00000000000000ff", "FFFFFFFFFFFFFFFF", "ffffffffffffffff"])
async def test_a_file_that_is_not_there_is_not_found(client: Client, steps: Steps, id: str) -> None:
    await steps.create()
    refusal = await refused(client.files.GetFile(pb.GetFileRequest(name=f"{PARENT}/files/{id}")))
    assert refusal.code is grpc.StatusCode.NOT_FOUND
