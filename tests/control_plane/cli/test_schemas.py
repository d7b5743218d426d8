"""`autoloader schemas` against a real server, with an executor that the test plays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.control_plane.cli.conftest import Autoloader
from tests.faults.hand import hand_of

FAIL = {"schema": {"on_schema_change": "ON_SCHEMA_CHANGE_FAIL"}}


@pytest.fixture
async def change(autoloader: Autoloader, server: str, tmp_path: Path) -> str:
    """A change that two files wait for, which the hand says that they ask for."""
    folder, policy = tmp_path / "landing", tmp_path / "orders.json"
    folder.mkdir()
    policy.write_text(json.dumps(FAIL))
    for name in ("a.json", "b.json"):
        (folder / name).write_text('{"id": 1}\n')
    source = ("--source", f"file://{folder}", "--table", "sales.orders")
    await autoloader("ingestions", "create", "orders", "--file", str(policy), *source)
    await autoloader("ingestions", "run", "orders", "-o", "json")
    async with hand_of(server) as hand:
        lease = await hand.acquire()
        await hand.propose(lease)
        await hand.hold(lease)
    listed = await autoloader("schemas", "changes", "orders", "--filter", "state = HELD", "-o", "json")
    (held,) = json.loads(listed.stdout)
    return str(held["name"])


async def test_the_policy_of_a_file_is_the_ingestions(autoloader: Autoloader, change: str) -> None:
    shown = json.loads((await autoloader("ingestions", "get", "orders", "-o", "json")).stdout)
    assert shown["schema"]["on_schema_change"] == "ON_SCHEMA_CHANGE_FAIL"


async def test_versions_and_what_waits_are_shown(autoloader: Autoloader, change: str) -> None:
    (version,) = json.loads((await autoloader("schemas", "list", "orders", "-o", "json")).stdout)
    assert [column["name"] for column in version["columns"]] == ["id"]
    assert [held["name"] for held in version["held_changes"]] == [change]
    assert "made_up" in (await autoloader("schemas", "show", "orders")).stdout
    table = (await autoloader("schemas", "changes", "orders")).stdout
    assert "made_up" in table and "ADDED" in table


async def test_an_accepted_change_is_in_the_next_version(autoloader: Autoloader, change: str) -> None:
    tried = json.loads((await autoloader("schemas", "accept", change, "--validate-only", "-o", "json")).stdout)
    done = json.loads((await autoloader("schemas", "accept", change, "-o", "json")).stdout)
    assert tried["schema_version"] == done["schema_version"] == "ingestions/orders/schemaVersions/2"
    shown = json.loads((await autoloader("schemas", "show", "orders", "2", "-o", "json")).stdout)
    assert [column["name"] for column in shown["columns"]] == ["id", "made_up"]
    summary = json.loads((await autoloader("files", "summarize", "orders", "-o", "json")).stdout)
    assert [(each["state"], each["file_count"]) for each in summary] == [("STATE_PENDING", "2")]


async def test_there_is_one_decision(autoloader: Autoloader, change: str) -> None:
    short = change.removeprefix("ingestions/").replace("schemaChanges/", "")
    assert json.loads((await autoloader("schemas", "reject", short, "-o", "json")).stdout)["state"] == "STATE_REJECTED"
    again = await autoloader("schemas", "accept", change)
    assert again.exit_code == 1
    assert "REJECTED" in again.stderr
