"""The executor of one machine, and its commands: children that end when we do, because their standard input does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import IO

PREFIX = "AUTOLOADER_EXECUTOR_"
STOP_SECONDS = 5.0
EXECUTOR_LOG = "executor.log"


@contextlib.asynccontextmanager
async def run_executor(settings: Mapping[str, str], *, log: Path) -> AsyncIterator[Process]:
    """Runs an executor with these settings, and with others that the environment has."""
    with log.open("ab") as output:
        process = await _start((), settings, output=output, errors=output)
    try:
        yield process
    finally:
        await _stop(process)


async def run_command(words: Sequence[str], settings: Mapping[str, str], *, log: Path) -> int:
    """Runs a command of the executor's, whose report goes where ours does; returns its exit code."""
    with log.open("ab") as errors:
        process = await _start(words, settings, output=None, errors=errors)
    try:
        return await process.wait()
    finally:
        await _stop(process)


async def _start(
    words: Sequence[str], settings: Mapping[str, str], *, output: IO[bytes] | None, errors: IO[bytes]
) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "executor", *words),
        env=os.environ | {f"{PREFIX}{key.upper()}": value for key, value in settings.items()},
        stdin=asyncio.subprocess.PIPE,
        stdout=output,
        stderr=errors,
        start_new_session=True,  # out of reach of the terminal's Ctrl-C
    )


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
