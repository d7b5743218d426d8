"""`autoloader runs` against a real server; nothing is loaded, for there is no executor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.control_plane.cli.conftest import Autoloader


@pytest.fixture
async def ingestion(autoloader: Autoloader, tmp_path: Path) -> str:
    """An ingestion of an empty folder."""
    folder = tmp_path / "landing"
    folder.mkdir()
    result = await autoloader(
        "ingestions", "create", "orders", "--source", f"file://{folder}", "--table", "sales.orders"
    )
    assert result.exit_code == 0, result.output
    return "orders"


async def test_a_run_is_followed_to_its_rest(autoloader: Autoloader, ingestion: str) -> None:
    result = await autoloader("ingestions", "run", ingestion, "--watch")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1].startswith("SUCCEEDED: 0 of 0 files, 0 records")


async def test_a_run_is_followed_as_json_a_line(autoloader: Autoloader, ingestion: str) -> None:
    result = await autoloader("ingestions", "run", ingestion, "--watch", "-o", "json")
    states = [json.loads(line)["state"] for line in result.stdout.splitlines()]
    assert states[-1] == "STATE_SUCCEEDED"


async def test_a_run_that_cannot_list_exits_1_and_says_why(
    autoloader: Autoloader, ingestion: str, tmp_path: Path
) -> None:
    (tmp_path / "landing").rmdir()
    result = await autoloader("ingestions", "run", ingestion, "--watch")
    assert result.exit_code == 1
    assert "PATH_NOT_FOUND: " in result.stdout


async def test_runs_are_listed_newest_first_and_found_by_short_names(autoloader: Autoloader, ingestion: str) -> None:
    for _ in range(2):
        await autoloader("ingestions", "run", ingestion, "--watch")
    names = [run["name"] for run in json.loads((await autoloader("runs", "list", "-o", "json")).stdout)]
    assert names == sorted(names, reverse=True)
    short = names[0].replace("ingestions/", "").replace("/runs/", "/")
    shown = json.loads((await autoloader("runs", "get", short, "-o", "json")).stdout)
    assert shown["name"] == names[0]
    watched = await autoloader("runs", "watch", short)
    assert watched.stdout.startswith("SUCCEEDED")


async def test_a_waiting_run_is_cancelled(autoloader: Autoloader, ingestion: str, tmp_path: Path) -> None:
    (tmp_path / "landing" / "a.json").write_text('{"id": 1}\n')
    opened = json.loads((await autoloader("ingestions", "run", ingestion, "-o", "json")).stdout)
    assert (await autoloader("runs", "cancel", opened["name"])).exit_code == 0
    watched = await autoloader("runs", "watch", opened["name"])
    assert watched.exit_code == 1
    assert watched.stdout.splitlines()[-1].startswith("CANCELLED")


async def test_a_resolution_of_no_lease_is_refused(autoloader: Autoloader, ingestion: str) -> None:
    opened = json.loads((await autoloader("ingestions", "run", ingestion, "-o", "json")).stdout)
    result = await autoloader("runs", "resolve", opened["name"], "nonsense", "try-again")
    assert result.exit_code == 1
    assert "reason: INVALID_FIELD" in result.stderr
