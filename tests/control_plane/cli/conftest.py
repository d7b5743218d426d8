"""The command as people call it, against a control plane on a ledger of its own."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs
from typer.testing import CliRunner

from control_plane.app import App
from control_plane.cli import main
from control_plane.settings import Settings
from control_plane.vault import make_key
from tests.environment import without_spark


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a command ended, and what it wrote."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        return self.stdout + self.stderr


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
    # What it logs is no output of the commands, which run in this process too.
    with capture_logs():
        async with App(settings) as app:
            yield app.address


@pytest.fixture
def autoloader(server: str) -> Autoloader:
    """Calls `autoloader ARGUMENTS --server …`, within this process; `stdin` is what it reads."""

    async def call(*arguments: str, stdin: str = "") -> Result:
        words = [*arguments, "--server", server]
        told = await asyncio.to_thread(CliRunner().invoke, main.app, words, input=stdin, env={"COLUMNS": "400"})
        return Result(exit_code=told.exit_code, stdout=told.stdout, stderr=told.stderr)

    return call


async def run(*arguments: str, stdin: str = "") -> Result:
    """Calls `autoloader ARGUMENTS` to its end, in a process and on a wide screen."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "control_plane", *arguments),
        env=without_spark() | {"COLUMNS": "400"},
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
    )
    stdout, stderr = await process.communicate(stdin.encode())
    return Result(exit_code=await process.wait(), stdout=stdout.decode(), stderr=stderr.decode())
