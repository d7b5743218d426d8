"""A look at a source is bounded, and says what it found up to where it ended."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from pathlib import Path

import pytest

from control_plane.sources.local import LocalSource
from control_plane.sources.look import first_files, look_at
from control_plane.sources.s3 import S3Source
from control_plane.sources.source import Source, SourceError, SourceSpec, source_error
from tests.control_plane.sources.test_one_ahead import join_source_threads
from tests.servers.s3_stub import Answer, Query, listing, refusal, running_stub


def a_folder(folder: Path, *names: str) -> SourceSpec:
    for name in names:
        (folder / name).write_text("{}\n")
    return SourceSpec(uri=f"file://{folder}", pattern="*.json")


async def test_what_matches_is_counted_and_sampled(tmp_path: Path) -> None:
    spec = a_folder(tmp_path, *(f"{number:02}.json" for number in range(12)), "_x.json", "a.csv")
    look = await look_at(lambda: LocalSource(spec))
    assert (look.is_complete, look.error) == (True, None)
    assert (look.objects_listed, look.files, look.size_bytes, look.unsupported) == (14, 12, 36, 1)
    assert [file.uri[-7:] for file in look.samples] == [f"{number:02}.json" for number in range(10)]
    assert [file.uri[-7:] for file in look.unsupported_samples] == ["_x.json"]


async def test_it_ends_when_it_has_seen_enough_objects(tmp_path: Path) -> None:
    spec = a_folder(tmp_path, *(f"{number:02}.json" for number in range(12)))
    look = await look_at(lambda: LocalSource(spec, page_files=2), objects_max=6)
    assert (look.is_complete, look.error, look.files) == (False, None, 6)
    whole = await look_at(lambda: LocalSource(spec, page_files=2), objects_max=12)
    assert (whole.is_complete, whole.files) == (True, 12)
    await join_source_threads()


async def test_it_ends_in_time_with_what_it_has(tmp_path: Path) -> None:
    is_over = threading.Event()

    def answer(query: Query) -> Answer:
        if "continuation-token" in query:
            is_over.wait(30)
        return listing(["a.json"], next_token="second")

    with running_stub(answer) as endpoint:
        look = await look_at(lambda: s3_at(endpoint), seconds_max=2)
        is_over.set()
        await join_source_threads()
    assert (look.is_complete, look.error, look.files) == (False, None, 1)


async def test_a_store_that_is_silent_is_no_empty_one() -> None:
    is_over = threading.Event()

    def answer(_: Query) -> Answer:
        is_over.wait(30)
        return listing([])

    with running_stub(answer) as endpoint:
        look = await look_at(lambda: s3_at(endpoint), seconds_max=1)
        is_over.set()
        await join_source_threads()
    assert look.error and (look.error.category, look.error.retryable) == ("CONNECTIVITY", True)
    assert "no answer within 1 seconds" in look.error.message


async def test_an_error_half_way_keeps_the_counts() -> None:
    answers = {"": listing(["a.json"], next_token="second"), "second": refusal(403, "AccessDenied")}
    with running_stub(lambda query: answers[query.get("continuation-token", "")]) as endpoint:
        look = await look_at(lambda: s3_at(endpoint))
        await join_source_threads()
    assert (look.is_complete, look.files) == (False, 1)
    assert look.error and look.error.category == "PERMISSION"


async def test_keys_that_cannot_be_had_are_told_as_an_error() -> None:
    def refuse() -> Source:
        raise source_error("AUTHENTICATION", "The variable KEY is not set.")

    look = await look_at(refuse)
    assert look.error and look.error.category == "AUTHENTICATION"


async def test_a_failure_that_nobody_foresaw_shows_its_kind_alone() -> None:
    def break_down() -> Source:
        raise KeyError("secret")

    look = await look_at(break_down)
    assert look.error and (look.error.category, look.error.cause) == ("UNKNOWN", "KeyError")


async def test_a_caller_that_goes_away_ends_it(tmp_path: Path) -> None:
    spec = a_folder(tmp_path, "a.json")
    looking = asyncio.create_task(look_at(lambda: LocalSource(spec)))
    await asyncio.sleep(0)
    looking.cancel()
    assert isinstance((await asyncio.gather(looking, return_exceptions=True))[0], asyncio.CancelledError)
    await join_source_threads()


async def test_the_first_files_are_those_that_can_be_read(tmp_path: Path) -> None:
    spec = a_folder(tmp_path, *(f"{number:02}.json" for number in range(12)), "00.csv", "_0.json")
    for page_files in (2, 100):
        found = await first_files(partial(LocalSource, spec, page_files=page_files), 3)
        assert [file.uri[-7:] for file in found] == ["00.json", "01.json", "02.json"]
    assert len(await first_files(lambda: LocalSource(spec), 20)) == 12
    assert len(await first_files(lambda: LocalSource(spec, page_files=2), 20, objects_max=6)) == 5
    await join_source_threads()


async def test_a_source_without_first_files_says_why() -> None:
    is_over = threading.Event()

    def answer(_: Query) -> Answer:
        is_over.wait(30)
        return refusal(403, "AccessDenied")

    with running_stub(answer) as endpoint:
        with pytest.raises(SourceError, match="no answer within 1 seconds"):
            await first_files(lambda: s3_at(endpoint), 1, seconds_max=1)
        is_over.set()
        with pytest.raises(SourceError, match="PERMISSION"):
            await first_files(lambda: s3_at(endpoint), 1)
        await join_source_threads()


def s3_at(endpoint: str) -> S3Source:
    spec = SourceSpec(uri="s3://bucket", endpoint=endpoint, access_key_id="key", secret_access_key="secret")
    return S3Source(spec, attempts_max=1)
