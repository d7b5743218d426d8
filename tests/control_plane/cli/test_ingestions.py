"""`autoloader ingestions` against a real server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.control_plane.cli.conftest import Autoloader

SOURCE = "s3://landing/orders"


async def create(autoloader: Autoloader, ingestion_id: str = "orders") -> None:
    result = await autoloader("ingestions", "create", ingestion_id, "--source", SOURCE, "--table", "sales.orders")
    assert result.exit_code == 0, result.output


async def test_one_is_created_from_options_and_shown(autoloader: Autoloader) -> None:
    result = await autoloader(
        *("ingestions", "create", "orders", "--source", SOURCE, "--table", "sales.orders"),
        *("--pattern", "**/*.json", "--exclude", "tmp/**", "--region", "eu-west-1", "-o", "json"),
    )
    assert result.exit_code == 0, result.output
    shown = json.loads((await autoloader("ingestions", "get", "orders", "-o", "json")).stdout)
    assert shown["name"] == "ingestions/orders"
    assert shown["source"]["uri"] == SOURCE
    assert shown["source"]["pattern"] == "**/*.json"
    assert shown["source"]["exclude"] == ["tmp/**"]
    assert shown["source"]["s3"]["region"] == "eu-west-1"
    assert shown["destination"]["table"] == "sales.orders"
    assert shown == json.loads(result.stdout)


async def test_one_is_created_from_a_file_and_its_secret_is_never_shown(autoloader: Autoloader, tmp_path: Path) -> None:
    file = tmp_path / "orders.json"
    keys = {"static_keys": {"access_key_id": "AKIA", "secret_access_key": "hunter2"}}
    file.write_text(
        json.dumps({"source": {"uri": SOURCE, "credentials": keys}, "destination": {"table": "sales.orders"}})
    )
    result = await autoloader("ingestions", "create", "orders", "--file", str(file))
    assert result.exit_code == 0, result.output
    shown = await autoloader("ingestions", "get", "orders")
    assert "AKIA" in shown.stdout
    assert "hunter2" not in result.output + shown.output


async def test_a_refusal_names_every_field_and_the_reason(autoloader: Autoloader) -> None:
    result = await autoloader("ingestions", "create", "orders", "--source", "ftp://x", "--table", "orders")
    assert result.exit_code == 1
    assert "source.uri" in result.stderr
    assert "destination.table" in result.stderr
    assert "reason: INVALID_FIELD" in result.stderr


async def test_checking_alone_stores_nothing(autoloader: Autoloader) -> None:
    arguments = ("ingestions", "create", "orders", "--source", SOURCE, "--table", "sales.orders", "--validate-only")
    assert (await autoloader(*arguments)).exit_code == 0
    assert (await autoloader("ingestions", "get", "orders")).exit_code == 1


@pytest.mark.parametrize(("content", "why"), [('{"sauce": 1}', 'no field named "sauce"'), ("{", "holds no ingestion")])
async def test_a_file_that_is_no_ingestion_is_refused(autoloader: Autoloader, content: str, why: str) -> None:
    result = await autoloader("ingestions", "create", "orders", "--file", "-", stdin=content)
    assert result.exit_code == 2
    assert why in result.output


async def test_a_file_that_is_not_there_is_named(autoloader: Autoloader, tmp_path: Path) -> None:
    result = await autoloader("ingestions", "create", "orders", "--file", str(tmp_path / "none.json"))
    assert result.exit_code == 2
    assert "No such file" in result.output


async def test_an_update_changes_what_the_file_has(autoloader: Autoloader) -> None:
    await create(autoloader)
    result = await autoloader("ingestions", "update", "orders", "-", stdin='{"display_name": "Orders"}')
    assert result.exit_code == 0, result.output
    shown = json.loads((await autoloader("ingestions", "get", "orders", "-o", "json")).stdout)
    assert shown["display_name"] == "Orders"
    assert shown["source"]["uri"] == SOURCE


async def test_an_update_under_another_etag_is_refused(autoloader: Autoloader) -> None:
    await create(autoloader)
    result = await autoloader(
        "ingestions", "update", "orders", "-", "--etag", "stale", stdin='{"display_name": "Orders"}'
    )
    assert result.exit_code == 1
    assert "reason: ETAG_MISMATCH" in result.stderr


async def test_a_list_follows_the_pages_to_its_limit(autoloader: Autoloader) -> None:
    for ingestion_id in ("a", "b", "c"):
        await create(autoloader, ingestion_id)
    listed = json.loads((await autoloader("ingestions", "list", "--limit", "2", "-o", "json")).stdout)
    assert [ingestion["name"] for ingestion in listed] == ["ingestions/a", "ingestions/b"]
    table = (await autoloader("ingestions", "list")).stdout.splitlines()
    assert [line.split()[0] for line in table] == ["ID", "a", "b", "c"]


async def test_a_paused_one_refuses_runs_until_it_is_resumed(autoloader: Autoloader) -> None:
    await create(autoloader)
    assert (await autoloader("ingestions", "pause", "orders")).exit_code == 0
    refused = await autoloader("ingestions", "run", "orders")
    assert refused.exit_code == 1
    assert "reason: INGESTION_PAUSED" in refused.stderr
    assert (await autoloader("ingestions", "resume", "orders")).exit_code == 0
    assert (await autoloader("ingestions", "run", "orders")).exit_code == 0


async def test_a_deleted_one_is_gone(autoloader: Autoloader) -> None:
    await create(autoloader)
    assert "can be deleted" in (await autoloader("ingestions", "delete", "orders", "--validate-only")).stdout
    assert "is deleted" in (await autoloader("ingestions", "delete", "orders")).stdout
    assert (await autoloader("ingestions", "get", "orders")).exit_code == 1


async def test_the_connection_is_tested_before_anything_is_stored(autoloader: Autoloader, tmp_path: Path) -> None:
    for name in ("a.json", "_b.json"):
        (tmp_path / name).write_text("{}\n")
    described = ("--source", f"file://{tmp_path}", "--table", "sales.orders", "--pattern", "*.json")
    told = await autoloader("ingestions", "check", *described)
    assert told.exit_code == 0, told.output
    assert "1 files to load, 3 bytes, of " in told.stdout
    assert f"  file://{tmp_path}/a.json" in told.stdout
    assert f"file://{tmp_path}/_b.json: The name starts with `_`" in told.stdout
    assert json.loads((await autoloader("ingestions", "list", "-o", "json")).stdout) == []


async def test_a_source_that_cannot_be_listed_says_why_and_exits_1(autoloader: Autoloader, tmp_path: Path) -> None:
    source = f"file://{tmp_path}/none"
    created = await autoloader("ingestions", "create", "orders", "--source", source, "--table", "sales.orders")
    assert created.exit_code == 0, created.output
    told = await autoloader("ingestions", "check", "orders")
    assert told.exit_code == 1
    assert f"A run would fail. PATH_NOT_FOUND: The folder {tmp_path}/none is not there" in told.stdout


async def test_a_check_of_nothing_or_of_two_things_says_what_to_do(autoloader: Autoloader) -> None:
    for arguments in ((), ("orders", "--source", SOURCE)):
        refused = await autoloader("ingestions", "check", *arguments)
        assert refused.exit_code == 2
        assert "name a stored ingestion" in refused.output
