"""The calls that the README shows, run as they stand there."""

from __future__ import annotations

import asyncio
import re
import shutil
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Iterator
from pathlib import Path

import pytest
from autoloader.v1 import runs_pb2

from tests.e2e.installation import Installation

pytestmark = pytest.mark.wide

README = Path(__file__).parents[2] / "README.md"
FENCED = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
TOOLS = ("grpcurl", "buf curl")
INGESTION = "ingestions/events"
DEFAULT_ADDRESS = "127.0.0.1:50051"
CALL_SECONDS = 60


async def test_the_calls_of_the_readme_work(installation: Installation) -> None:
    script = "".join(blocks_with_calls())
    assert all(tool in script for tool in TOOLS), "the README shows no such call"
    missing = [tool for tool in ("grpcurl", "buf") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed")

    await run_in_bash(script, installation)

    (run,) = await installation.client.history(INGESTION)
    assert (await installation.rested(run.name)).state == runs_pb2.Run.STATE_SUCCEEDED


def blocks_with_calls() -> Iterator[str]:
    for block in FENCED.findall(README.read_text()):
        if any(tool in block for tool in TOOLS):
            yield block


async def run_in_bash(script: str, installation: Installation) -> None:
    """Runs it against this installation, instead of the one at the default address that may load any folder."""
    address = installation.control_plane.address
    own = script.replace(DEFAULT_ADDRESS, address).replace("/tmp/landing", str(installation.folder / "landing"))
    prelude = f'set -euxo pipefail\nautoloader() {{ command autoloader "$@" --server {address}; }}\n'
    bash = await asyncio.create_subprocess_exec("bash", "-c", prelude + own, stdout=PIPE, stderr=STDOUT)
    async with asyncio.timeout(CALL_SECONDS):
        output, _ = await bash.communicate()
    assert bash.returncode == 0, output.decode()
