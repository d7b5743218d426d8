"""The command as people call it, against a control plane on a ledger of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from click.testing import Result
from pydantic import SecretStr
from typer.testing import CliRunner

from control_plane.app import App
from control_plane.cli.main import app as command
from control_plane.settings import Settings
from control_plane.vault import make_key

Autoloader = Callable[..., Awaitable[Result]]


@pytest.fixture
async def server(database_url: str, tmp_path: Path) -> AsyncIterator[str]:
    """The address of a control plane that may load from the test's folder."""
    key = tmp_path / "sealing.key"
    make_key(key)
    settings = Settings(
        database_url=SecretStr(database_url),
        sealing_key_file=key,
        listen="127.0.0.1:0",
        metrics_listen="off",
        allowed_local_folders=frozenset({tmp_path}),
        poll_seconds=0.1,
    )
    async with App(settings) as app:
        yield app.address


@pytest.fixture
def autoloader(server: str) -> Autoloader:
    """Calls `autoloader ARGUMENTS --server …` in a thread; `stdin` is what it reads."""

    async def call(*arguments: str, stdin: str = "") -> Result:
        return await run(*arguments, "--server", server, stdin=stdin)

    return call


async def run(*arguments: str, stdin: str = "") -> Result:
    runner = CliRunner(env={"COLUMNS": "400"})
    return await asyncio.to_thread(runner.invoke, command, arguments, input=stdin)
