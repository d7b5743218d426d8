"""`autoloader files` against a real server; files wait, for there is no executor."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.control_plane.cli.conftest import Autoloader

SEEN_SECONDS = 30.0


@pytest.fixture
async def ingestion(autoloader: Autoloader, tmp_path: Path) -> str:
    """An ingestion that has seen three files, one with a name of rich's markup."""
    folder = tmp_path / "landing"
    folder.mkdir()
    for name in ("a.json", "b.json", "[red]c.json"):
        (folder / name).write_text('{"id": 1}\n')
    source = f"file://{folder}"
    await autoloader("ingestions", "create", "orders", "--source", source, "--table", "sales.orders")
    run = json.loads((await autoloader("ingestions", "run", "orders", "-o", "json")).stdout)
    async with asyncio.timeout(SEEN_SECONDS):
        while True:
            if json.loads((await autoloader("files", "list", "orders", "-o", "json")).stdout):
                break
            await asyncio.sleep(0.05)
    await autoloader("runs", "cancel", run["name"])
    await autoloader("runs", "watch", run["name"])
    return "orders"


async def test_files_are_listed_by_their_exact_names(autoloader: Autoloader, ingestion: str) -> None:
    table = await autoloader("files", "list", ingestion)
    assert "[red]c.json" in table.stdout
    files = json.loads((await autoloader("files", "list", ingestion, "-o", "json")).stdout)
    shown = json.loads((await autoloader("files", "get", files[0]["name"], "-o", "json")).stdout)
    assert shown == files[0]


async def test_files_are_filtered(autoloader: Autoloader, ingestion: str) -> None:
    result = await autoloader("files", "list", ingestion, "--filter", "state = FAILED", "-o", "json")
    assert json.loads(result.stdout) == []
    refused = await autoloader("files", "list", ingestion, "--filter", "colour = red")
    assert refused.exit_code == 1
    assert "colour" in refused.stderr


async def test_files_are_counted_by_state(autoloader: Autoloader, ingestion: str) -> None:
    result = await autoloader("files", "summarize", ingestion, "-o", "json")
    (summary,) = json.loads(result.stdout)
    assert (summary["state"], summary["file_count"]) == ("STATE_PENDING", "3")


async def test_only_failed_and_missing_files_are_retried(autoloader: Autoloader, ingestion: str) -> None:
    result = await autoloader("files", "retry", ingestion, "-o", "json")
    assert json.loads(result.stdout) == {"file_count": "0"}


async def test_files_are_skipped_with_a_reason_and_taken_back(autoloader: Autoloader, ingestion: str) -> None:
    skipped = await autoloader("files", "skip", ingestion, "--filter", 'uri:"a.json"', "--reason", "It is a copy.")
    assert skipped.exit_code == 0, skipped.output
    listed = await autoloader("files", "list", ingestion, "--filter", "state = SKIPPED", "-o", "json")
    (file,) = json.loads(listed.stdout)
    assert file["error"]["message"] == "A person ruled this file out: It is a copy."
    assert json.loads((await autoloader("files", "retry", ingestion, "-o", "json")).stdout) == {"file_count": "0"}
    taken = await autoloader("files", "retry", ingestion, "--skipped", "-o", "json")
    assert json.loads(taken.stdout) == {"file_count": "1"}


async def test_skipping_nothing_in_particular_is_refused(autoloader: Autoloader, ingestion: str) -> None:
    refused = await autoloader("files", "skip", ingestion)
    assert refused.exit_code == 1
    assert "name the files" in refused.stderr


async def test_an_object_is_explained_by_its_uri_or_its_file(autoloader: Autoloader, ingestion: str) -> None:
    (file, *_) = json.loads((await autoloader("files", "list", ingestion, "-o", "json")).stdout)
    for asked in (file["uri"], file["name"].rpartition("/")[2]):
        told = await autoloader("files", "explain", ingestion, asked)
        assert told.stdout.startswith("WAITING: "), told.output
        assert file["uri"] in told.stdout
    told = await autoloader("files", "explain", ingestion, "s3://elsewhere/a.json")
    assert told.stdout.startswith("OUTSIDE_SOURCE: ")
