"""The commands of the services: what they need, what they refuse, how they end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from control_plane.settings import PREFIX
from tests.control_plane.cli.conftest import run
from tests.postgres import PostgresServer


@pytest.fixture(autouse=True)
def needed_settings(monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path) -> None:
    for variable in os.environ:
        if variable.upper().startswith(PREFIX):
            monkeypatch.delenv(variable)
    monkeypatch.setenv(f"{PREFIX}DATABASE_URL", database_url)
    monkeypatch.setenv(f"{PREFIX}SEALING_KEY_FILE", str(tmp_path / "sealing.key"))
    monkeypatch.setenv(f"{PREFIX}LISTEN", "127.0.0.1:0")
    monkeypatch.setenv(f"{PREFIX}METRICS_LISTEN", "off")
    monkeypatch.setenv(f"{PREFIX}LOG_FORMAT", "json")


async def test_a_key_is_made_once(tmp_path: Path) -> None:
    assert (await run("make-key", str(tmp_path / "sealing.key"))).exit_code == 0
    again = await run("make-key", str(tmp_path / "sealing.key"))
    assert again.exit_code == 1
    assert "is there already" in again.stderr


async def test_a_key_in_no_folder_is_refused(tmp_path: Path) -> None:
    result = await run("make-key", str(tmp_path / "none" / "sealing.key"))
    assert result.exit_code == 1
    assert "No such file" in result.stderr


async def test_a_check_shows_every_setting_but_no_secret(tmp_path: Path, database_url: str) -> None:
    await run("make-key", str(tmp_path / "sealing.key"))
    result = await run("check")
    assert result.exit_code == 0, result.output
    assert "lease_seconds" in result.stdout
    assert "(set, not shown)" in result.stdout
    assert database_url not in result.output


async def test_a_check_says_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}DATABASE_URL", "postgresql://a:b@127.0.0.1:1/none")
    result = await run("check")
    assert result.exit_code == 1
    assert f"{tmp_path / 'sealing.key'} cannot be read" in result.stderr
    assert "The ledger" in result.stderr


async def test_settings_that_cannot_be_used_exit_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}LISTEN", "0.0.0.0:50051")
    result = await run("serve")
    assert result.exit_code == 2
    assert "until TLS and tokens come" in result.stderr


async def test_nothing_is_served_without_a_sealing_key(tmp_path: Path) -> None:
    result = await run("serve")
    assert result.exit_code == 1
    assert f"{tmp_path / 'sealing.key'} cannot be read" in result.stderr


async def test_a_ledger_is_migrated_from_nothing(
    monkeypatch: pytest.MonkeyPatch, postgres_server: PostgresServer
) -> None:
    async with postgres_server.database(migrated=False) as url:
        monkeypatch.setenv(f"{PREFIX}DATABASE_URL", url)
        for _ in range(2):
            result = await run("migrate")
            assert result.exit_code == 0, result.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_control_plane_drains_and_ends_when_it_is_asked_to(tmp_path: Path, number: signal.Signals) -> None:
    await run("make-key", str(tmp_path / "sealing.key"))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "control_plane", "serve"), stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr
    log: list[bytes] = []
    async for line in process.stderr:
        log.append(line)
        if b"server_started" in line:
            process.send_signal(number)
    assert await process.wait() == 0
    assert any(b"server_stopped" in line for line in log)


@pytest.mark.parametrize("setting", ["LISTEN", "METRICS_LISTEN"])
async def test_an_address_that_is_taken_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    await run("make-key", str(tmp_path / "sealing.key"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv(f"{PREFIX}{setting}", address)
        result = await run("serve")
    assert result.exit_code == 1
    assert f"cannot listen on {address}" in result.stderr


async def test_a_ledger_that_was_not_migrated_is_not_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_server: PostgresServer
) -> None:
    await run("make-key", str(tmp_path / "sealing.key"))
    async with postgres_server.database(migrated=False) as url:
        monkeypatch.setenv(f"{PREFIX}DATABASE_URL", url)
        result = await run("serve")
    assert result.exit_code == 1
    assert "autoloader migrate" in result.stderr
