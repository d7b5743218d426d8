"""Servers that misbehave: nothing they send is taken for the end of a listing."""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing

import pytest

from control_plane.domain.file import LoadError
from control_plane.sources.s3 import S3Source
from control_plane.sources.source import SourceError, SourceSpec
from tests.control_plane.sources.test_one_ahead import PATIENCE_SECONDS, join_source_threads
from tests.servers.s3_stub import Answer, Query, listing, refusal, running_stub

SECRET = "secret-access-key-of-somebody"
TOKEN = "session-token-of-somebody"


def source_at(endpoint: str, *, pattern: str = "**", attempts_max: int = 1) -> S3Source:
    spec = SourceSpec(
        uri="s3://bucket",
        pattern=pattern,
        endpoint=endpoint,
        access_key_id="key",
        secret_access_key=SECRET,
        session_token=TOKEN,
    )
    return S3Source(spec, attempts_max=attempts_max, read_timeout_seconds=2)


async def error_after(source: S3Source) -> tuple[list[str], LoadError]:
    uris: list[str] = []
    with pytest.raises(SourceError) as caught:
        async for page in source.list():
            uris += [file.uri for file in page.files]
    return uris, caught.value.error


def second_page(answer: Answer) -> dict[str, Answer]:
    return {"": listing(["a", "b"], next_token="second"), "second": answer}


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("answer", "category", "is_retryable"),
    [
        (refusal(503, "SlowDown"), "THROTTLED", True),
        (refusal(429, "SomethingNew"), "THROTTLED", True),
        (refusal(500, "InternalError"), "CONNECTIVITY", True),
        (refusal(403, "AccessDenied"), "PERMISSION", False),
        (refusal(403, "SomethingNew"), "PERMISSION", False),
        (refusal(400, "ExpiredToken"), "AUTHENTICATION", False),
        (refusal(403, "RequestTimeTooSkewed"), "AUTHENTICATION", False),
        (refusal(404, "NoSuchBucket"), "BUCKET_NOT_FOUND", False),
        (refusal(418, "Teapot"), "UNKNOWN", False),
        (Answer(b"", 502), "CONNECTIVITY", True),
        (Answer(b"<html><body>Welcome</body></html>"), "UNKNOWN", False),
        (Answer(b"no xml"), "CONNECTIVITY", True),
        (Answer(b""), "UNKNOWN", False),
        (Answer(listing(["c"]).body[:-40]), "CONNECTIVITY", True),
        (listing(["c"], is_truncated=True), "UNKNOWN", False),
        (listing(["c"], next_token="second"), "UNKNOWN", False),
        (Answer(refusal(200, "InternalError").body), "CONNECTIVITY", True),
    ],
)
async def test_a_bad_second_page_is_an_error_and_not_the_end(answer: Answer, category: str, is_retryable: bool) -> None:
    pages = second_page(answer)
    with running_stub(lambda query: pages[query.get("continuation-token", "")]) as endpoint:
        uris, error = await error_after(source_at(endpoint))
    assert uris == ["s3://bucket/a", "s3://bucket/b"]
    assert (error.category, error.retryable) == (category, is_retryable)
    assert SECRET not in repr(error)


async def test_a_secret_that_a_server_repeats_is_not_kept() -> None:
    refused = refusal(400, "ExpiredToken", message=f"{TOKEN} has expired")
    with running_stub(lambda _: refused) as endpoint:
        _, error = await error_after(source_at(endpoint))
    assert "*** has expired" in error.cause
    assert TOKEN not in repr(error)


async def test_a_server_that_recovers_is_asked_again_and_it_is_counted() -> None:
    answers = iter([refusal(503, "SlowDown"), listing(["a"])])
    with running_stub(lambda _: next(answers)) as endpoint:
        (page,) = [page async for page in source_at(endpoint, attempts_max=2).list()]
    assert (len(page.files), page.requests) == (1, 2)


async def test_a_server_that_is_not_there_is_a_matter_of_connectivity() -> None:
    with running_stub(lambda _: listing([])) as endpoint:
        pass
    _, error = await error_after(source_at(endpoint))
    assert (error.category, error.retryable) == ("CONNECTIVITY", True)
    assert endpoint in error.message


async def test_a_server_that_hangs_is_given_up() -> None:
    released = threading.Event()

    def hang(_: Query) -> Answer:
        released.wait(PATIENCE_SECONDS)
        return listing([])

    with running_stub(hang) as endpoint:
        _, error = await error_after(source_at(endpoint))
        released.set()
    assert (error.category, error.retryable) == ("CONNECTIVITY", True)


async def test_a_cancelled_listing_leaves_no_thread() -> None:
    asked, released = threading.Event(), threading.Event()

    def hang(_: Query) -> Answer:
        asked.set()
        released.wait(PATIENCE_SECONDS)
        return listing([])

    async def consume(source: S3Source) -> None:
        async with aclosing(source.list()) as pages:
            await anext(pages)

    with running_stub(hang) as endpoint:
        consumer = asyncio.create_task(consume(source_at(endpoint)))
        assert await asyncio.to_thread(asked.wait, PATIENCE_SECONDS)
        consumer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await consumer
        released.set()
        await join_source_threads()


@pytest.mark.parametrize("keys", [["b", "a"], ["a", "a"], ["a", "b"], ["\uff5e", "\U0001f389"]])
async def test_the_order_is_believed_only_as_long_as_it_holds(keys: list[str]) -> None:
    pages = {"": listing(keys[:1], next_token="second"), "second": listing(keys[1:])}
    is_ordered = []
    with running_stub(lambda query: pages[query.get("continuation-token", "")]) as endpoint:
        source = source_at(endpoint)
        async for _ in source.list():
            is_ordered.append(source.ordered)
    assert is_ordered[-1] == (keys == sorted(set(keys), key=str.encode))


async def test_the_server_is_asked_for_the_literal_prefix_only() -> None:
    queries: list[Query] = []

    def answer(query: Query) -> Answer:
        queries.append(query)
        return listing(["2024/05/a.json", "2024/06/a.json", "2023/05/a.json"])

    with running_stub(answer) as endpoint:
        source = source_at(endpoint, pattern="2024/*/a.json")
        (page,) = [page async for page in source.list()]
    assert [query["prefix"] for query in queries] == ["2024/"]
    assert (page.objects_listed, len(page.files)) == (3, 2)


async def test_a_key_with_a_nul_is_spelled_without_it_and_left_out() -> None:
    with running_stub(lambda _: listing(["a\x00b"])) as endpoint:
        (page,) = [page async for page in source_at(endpoint).list()]
    (file,) = page.files
    assert file.uri == "s3://bucket/a%00b"
    assert "NUL" in file.unsupported


async def test_no_credentials_anywhere_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "absent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "absent")
    with running_stub(lambda _: listing([])) as endpoint:
        spec = SourceSpec(uri="s3://bucket", endpoint=endpoint)
        _, error = await error_after(S3Source(spec))
    assert error.category == "AUTHENTICATION"
    assert "source.credentials" in error.message


async def test_an_unknown_profile_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    _, error = await error_after(source_at("http://127.0.0.1:1"))
    assert error.category == "AUTHENTICATION"


async def test_a_region_that_is_none_is_told() -> None:
    spec = SourceSpec(uri="s3://bucket", region="no region", access_key_id="a", secret_access_key=SECRET)
    _, error = await error_after(S3Source(spec))
    assert error.category == "UNKNOWN"


def test_secrets_are_not_shown() -> None:
    spec = SourceSpec(uri="s3://bucket", secret_access_key=SECRET, session_token=SECRET)
    assert SECRET not in repr(spec)
