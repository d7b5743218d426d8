"""The executor of one machine: a child process, which ends when we do because its standard input does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

PREFIX = "AUTOLOADER_EXECUTOR_"
STOP_SECONDS = 20.0


@contextlib.asynccontextmanager
async def run_executor(settings: Mapping[str, str], *, log: Path) -> AsyncIterator[Process]:
    """Runs an executor with these settings, by their names in AUTOLOADER_EXECUTOR_*.

    Settings that the environment has already stay as they are there.
    """
    ours = {f"{PREFIX}{key.upper()}": value for key, value in settings.items()}
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "executor"),
            env=ours | os.environ | {f"{PREFIX}EXIT_WITH_PARENT": "true"},
            stdin=asyncio.subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,  # out of reach of the terminal's Ctrl-C
        )
    try:
        yield process
    finally:
        await _stop(process)


def settings_for(control_plane: str, conf: Mapping[str, str], *, catalog: str) -> dict[str, str]:
    """Settings of an executor that starts Spark at once and writes to one catalog."""
    return {
        "control_plane": control_plane,
        "name": "local",
        "default_catalog": catalog,
        "spark_conf": json.dumps(dict(conf)),
        "warm_start": "true",
        "log_format": "json",
    }


async def _stop(process: Process) -> None:
    """Asks for a drain; whoever does not follow is killed."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
