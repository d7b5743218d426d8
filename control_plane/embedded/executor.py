"""The executor of one machine: a child that ends when we do, because its standard input does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

PREFIX = "AUTOLOADER_EXECUTOR_"
STOP_SECONDS = 5.0


@contextlib.asynccontextmanager
async def run_executor(settings: Mapping[str, str], *, log: Path) -> AsyncIterator[Process]:
    """Runs an executor with these settings, and with others that the environment has."""
    ours = {f"{PREFIX}{key.upper()}": value for key, value in settings.items()}
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "executor"),
            env=os.environ | ours,
            stdin=asyncio.subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,  # out of reach of the terminal's Ctrl-C
        )
    try:
        yield process
    finally:
        await _stop(process)


async def _stop(process: Process) -> None:
    """Asks for a drain, but not for long: killing an executor costs time, never rows."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what it has started, too
        await process.wait()
