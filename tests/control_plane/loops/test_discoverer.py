"""The discoverer on a real folder: what it records, and what happens to it half-way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from control_plane.domain.file import LoadError
from control_plane.domain.ingestion import Ingestion
from control_plane.domain.run import RunState
from control_plane.errors import LedgerUnavailable
from control_plane.loops import discoverer as module
from control_plane.loops.discoverer import Discoverer
from control_plane.sources.registry import open_source
from control_plane.sources.source import ListingPage, Source, SourceError, SourceSpec
from control_plane.wake import Wake
from tests.control_plane.ledger.steps import Steps, some_files


def _discoverer(steps: Steps, source: Source, *, claim_seconds: float = 30) -> Discoverer:
    def open_the_source(ingestion: Ingestion) -> Source:
        return source

    return Discoverer(
        database=steps.database,
        open_source=open_the_source,
        observe_seconds=lambda seconds: None,
        wake=Wake(),
        poll_seconds=60,
        claim_seconds=claim_seconds,
        retry_seconds=0,
    )


class _Broken:
    """A source whose first listings break after a page."""

    ordered = True

    def __init__(self, *failures: LoadError) -> None:
        self._failures = list(failures)

    async def list(self) -> AsyncGenerator[ListingPage, None]:
        yield ListingPage(files=some_files(2), objects_listed=2, requests=1)
        if self._failures:
            raise SourceError(self._failures.pop(0))
        yield ListingPage(files=some_files(4)[2:], objects_listed=2, requests=1)


async def test_it_records_the_files_of_a_folder_once(steps: Steps, tmp_path: Path) -> None:
    for name in ("a.json", "b.json", "sub/c.json", "d.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    source = open_source(SourceSpec(uri=f"file://{tmp_path}", pattern="**/*.json"))
    discoverer = _discoverer(steps, source)
    stored = await steps.create()
    run = await steps.open_run(stored)
    assert await discoverer.turn()
    assert not await discoverer.turn()
    listed = await steps.run(run)
    assert (listed.files_discovered, listed.objects_listed) == (3, 4)
    assert {Path(file.uri).name for file in await steps.files(stored)} == {"a.json", "b.json", "c.json"}


async def test_a_listing_that_breaks_begins_again_and_is_never_taken_for_whole(
    steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_FILES", 1)
    stored = await steps.create()
    run = await steps.open_run(stored)
    broken = _Broken(LoadError(category="THROTTLED", message="Slow down.", retryable=True))
    await _discoverer(steps, broken).turn()
    listed = await steps.run(run)
    assert (listed.files_discovered, listed.listing_requests) == (4, 3)


async def test_a_source_that_refuses_fails_the_run_with_its_error(steps: Steps) -> None:
    stored = await steps.create()
    run = await steps.open_run(stored)
    refused = LoadError(category="AUTHENTICATION", message="The store refused the key.")
    await _discoverer(steps, _Broken(refused)).turn()
    await steps.finish(run)
    ended = await steps.run(run)
    assert ended.state is RunState.FAILED
    assert [(error.category, error.message) for error in ended.errors] == [
        ("AUTHENTICATION", "The store refused the key.")
    ]


async def test_a_cancelled_run_is_not_listed_on(steps: Steps) -> None:
    stored = await steps.create()
    run = await steps.open_run(stored)

    class Cancelling(_Broken):
        async def list(self) -> AsyncGenerator[ListingPage, None]:
            await steps.cancel(run)
            yield ListingPage(files=some_files(2), objects_listed=2, requests=1)

    assert await _discoverer(steps, Cancelling()).turn()
    assert await steps.files(stored) == []
    assert (await steps.run(run)).state is RunState.CANCELLED


async def test_a_listing_that_takes_longer_than_its_claim_stays_with_its_lister(steps: Steps) -> None:
    stored = await steps.create()
    run = await steps.open_run(stored)
    others: list[bool] = []

    class Slow(_Broken):
        async def list(self) -> AsyncGenerator[ListingPage, None]:
            await asyncio.sleep(1.0)
            others.append(await _discoverer(steps, _Broken()).turn())
            yield ListingPage(files=some_files(2), objects_listed=2, requests=1)

    await _discoverer(steps, Slow(), claim_seconds=0.6).turn()
    assert others == [False]
    assert (await steps.run(run)).files_discovered == 2


async def test_a_listing_that_is_interrupted_is_taken_up_at_once(steps: Steps) -> None:
    stored = await steps.create()
    run = await steps.open_run(stored)

    class Interrupted(_Broken):
        async def list(self) -> AsyncGenerator[ListingPage, None]:
            raise LedgerUnavailable("The ledger went away.")
            yield

    with pytest.raises(LedgerUnavailable):
        await _discoverer(steps, Interrupted()).turn()
    assert await _discoverer(steps, _Broken()).turn()
    assert (await steps.run(run)).files_discovered == 4


async def test_a_failure_that_nobody_foresaw_ends_the_run_with_an_error(steps: Steps) -> None:
    stored = await steps.create()
    run = await steps.open_run(stored)

    class Odd(_Broken):
        async def list(self) -> AsyncGenerator[ListingPage, None]:
            raise KeyError("odd")
            yield

    await _discoverer(steps, Odd()).turn()
    await steps.finish(run)
    ended = await steps.run(run)
    assert (ended.state, [error.category for error in ended.errors]) == (RunState.FAILED, ["UNKNOWN"])
