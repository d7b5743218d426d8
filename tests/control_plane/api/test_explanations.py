"""Every state of a file is explained in words, over gRPC on a real ledger."""

from __future__ import annotations

import grpc
import pytest
from autoloader.v1 import files_pb2 as pb
from autoloader.v1 import ingestions_pb2

from control_plane.domain.file import LoadError
from control_plane.domain.lease import FileException
from tests.control_plane.api.conftest import Client
from tests.control_plane.api.refusals import refused
from tests.control_plane.ledger.steps import MALFORMED, Steps, a_file, a_staging

PARENT = "ingestions/orders"
URI = "s3://bucket/a.json"
Answer = pb.ExplainFileResponse
BROKEN = FileException(index=0, outcome="FAILED", error=MALFORMED)
GONE = FileException(index=0, outcome="MISSING", error=LoadError(category="FILE_MISSING", message="It is gone."))


async def explained(client: Client, uri: str = URI, *, file: str = "") -> Answer:
    request = pb.ExplainFileRequest(parent=PARENT, file=file) if file else pb.ExplainFileRequest(parent=PARENT, uri=uri)
    return await client.files.ExplainFile(request)


async def load(steps: Steps, *exceptions: FileException) -> None:
    lease = await steps.held()
    await steps.stage(lease, a_staging(0 if exceptions else 5, exceptions=exceptions))
    await steps.complete(lease)


async def test_a_file_is_explained_on_its_way_into_the_table(client: Client, steps: Steps) -> None:
    stored = await steps.create()
    told = await explained(client)
    assert (told.verdict, told.run, list(told.files)) == (Answer.VERDICT_NOT_SEEN, "", [])
    run = await steps.open_run(stored)
    await steps.discover([a_file()])
    told = await explained(client)
    assert told.verdict == Answer.VERDICT_WAITING
    assert f"{PARENT}/runs/{run.run_id}, which is under way, loads it next" in told.explanation
    await steps.offer(stored, run)
    told = await explained(client)
    assert told.verdict == Answer.VERDICT_WAITING
    assert "for an executor of the pool default" in told.explanation
    lease = await steps.acquire(executor="spark-1")
    assert lease
    told = await explained(client)
    assert told.verdict == Answer.VERDICT_BEING_LOADED
    assert "spark-1 loads it since 2" in told.explanation
    assert "attempt 1 of 3" in told.explanation
    assert await steps.renew(lease)
    assert "attempt 1 of 3" in (await explained(client)).explanation
    await steps.stage(lease, a_staging(5))
    told = await explained(client)
    assert (told.verdict, "spark-1 publishes its rows" in told.explanation) == (Answer.VERDICT_BEING_LOADED, True)
    await steps.complete(lease)
    told = await explained(client)
    assert told.verdict == Answer.VERDICT_LOADED
    assert "5 rows of it are in the table" in told.explanation
    assert told.run == f"{PARENT}/runs/{run.run_id}"
    assert [file.uri for file in told.files] == [URI]


async def test_a_lease_that_rests_says_until_when_and_why(client: Client, steps: Steps) -> None:
    await steps.offered([a_file()])
    lease = await steps.held()
    await steps.fail(lease)
    assert "The last attempt ended so: The store is away." in (await explained(client)).explanation
    async with steps.database.transaction() as connection:
        await connection.exec_driver_sql("UPDATE leases SET not_before = now() + interval '1 minute'")
    told = await explained(client)
    assert told.verdict == Answer.VERDICT_WAITING
    assert "It rests until 2" in told.explanation and "1 of 3 attempts made" in told.explanation


@pytest.mark.parametrize(
    ("exception", "verdict", "told"),
    [
        (BROKEN, Answer.VERDICT_FAILED, "Line 1 is not JSON. RetryFiles, or a newer version"),
        (GONE, Answer.VERDICT_MISSING, "It is gone. It is loaded when a run finds this version again."),
    ],
)
async def test_a_file_that_did_not_load_says_why_and_what_to_do(
    client: Client, steps: Steps, exception: FileException, verdict: Answer.Verdict.ValueType, told: str
) -> None:
    await steps.offered([a_file()])
    await load(steps, exception)
    answer = await explained(client)
    assert answer.verdict == verdict
    assert told in answer.explanation


async def test_a_cause_outside_the_file_is_left_to_the_next_run(client: Client, steps: Steps) -> None:
    await steps.offered([a_file()], max_attempts=1)
    await steps.expire(await steps.held())
    told = await explained(client)
    assert told.verdict == Answer.VERDICT_FAILED
    assert told.explanation.endswith("The next run tries it again.")


async def test_a_changed_version_is_explained_with_the_one_that_is_loaded(client: Client, steps: Steps) -> None:
    stored, _ = await steps.offered([a_file(etag="e1")])
    await load(steps)
    await steps.run_again(stored, [a_file(etag="e2")])
    told = await explained(client)
    assert told.verdict == Answer.VERDICT_SKIPPED
    assert told.explanation.startswith("Of the 2 versions seen of the object this is number 2. ")
    assert told.explanation.endswith("Version 1 is loaded, with 5 rows.")
    first = await explained(client, file=told.files[0].name)
    assert first.verdict == Answer.VERDICT_LOADED
    assert "this is number 1" in first.explanation


async def test_what_a_person_ruled_out_has_the_reason(client: Client, steps: Steps) -> None:
    await steps.offered([a_file()])
    await load(steps, BROKEN)
    await client.files.SkipFiles(pb.SkipFilesRequest(parent=PARENT, filter=f"uri = {URI}", reason="A copy."))
    told = await explained(client)
    assert told.verdict == Answer.VERDICT_SKIPPED
    assert told.explanation == "A person ruled this file out: A copy. RetryFiles takes it up again."


async def test_a_hidden_name_says_its_rule(client: Client, steps: Steps) -> None:
    await steps.offered([a_file("_a.json", unsupported="Names that start with _ are hidden.")])
    told = await explained(client, "s3://bucket/_a.json")
    assert told.verdict == Answer.VERDICT_SKIPPED
    assert told.explanation == "Names that start with _ are hidden. Under another name it is loaded."


async def test_a_lease_in_doubt_asks_for_a_persons_word(client: Client, steps: Steps) -> None:
    await steps.offered([a_file()])
    lease = await steps.held()
    await steps.stage(lease, a_staging(5))
    await steps.doubt(lease)
    told = await explained(client)
    assert told.verdict == Answer.VERDICT_IN_DOUBT
    assert "ResolvePublish" in told.explanation


async def test_a_file_that_waits_for_a_paused_ingestion_says_so(client: Client, steps: Steps) -> None:
    _, run = await steps.offered([a_file()])
    await steps.cancel(run)
    assert "RunIngestion" in (await explained(client)).explanation
    await client.ingestions.PauseIngestion(ingestions_pb2.PauseIngestionRequest(name=PARENT))
    assert "is paused" in (await explained(client)).explanation


async def test_an_object_that_no_run_saw_names_the_last_that_looked(client: Client, steps: Steps) -> None:
    _, run = await steps.offered([a_file()])
    told = await explained(client, "s3a://bucket/late.json")
    assert told.verdict == Answer.VERDICT_NOT_SEEN
    assert told.run == f"{PARENT}/runs/{run.run_id}"


@pytest.mark.parametrize(
    ("request_", "violated"),
    [
        (pb.ExplainFileRequest(parent=PARENT), "uri"),
        (pb.ExplainFileRequest(parent=PARENT, uri="s3://b/\0"), "uri"),
        (pb.ExplainFileRequest(parent=PARENT, file="x"), "file"),
        (pb.ExplainFileRequest(parent=PARENT, file="ingestions/others/files/0000000000000001"), "file"),
    ],
)
async def test_a_question_that_is_not_clear_is_refused(
    client: Client, steps: Steps, request_: pb.ExplainFileRequest, violated: str
) -> None:
    await steps.create()
    assert list((await refused(client.files.ExplainFile(request_))).violations) == [violated]


async def test_a_file_that_is_not_there_is_not_found(client: Client, steps: Steps) -> None:
    await steps.create()
    name = f"{PARENT}/files/00000000000000ff"
    refusal = await refused(client.files.ExplainFile(pb.ExplainFileRequest(parent=PARENT, file=name)))
    assert refusal.code is grpc.StatusCode.NOT_FOUND
