"""The calls that the README shows, run as they stand there."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from autoloader.v1 import runs_pb2

from tests.e2e.installation import Installation, jars_folder
from tests.e2e.lake import CATALOG
from tests.environment import without_spark

pytestmark = pytest.mark.wide

README = Path(__file__).parents[2] / "README.md"
FENCED = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
TOOLS = ("grpcurl", "buf curl")
INGESTION = "ingestions/events"
DEFAULT_ADDRESS = "127.0.0.1:50051"
CALL_SECONDS = 60
# Each of its commands starts a Spark.
RECOVERY_SECONDS = 600


@pytest.mark.timeout(900)
async def test_the_calls_of_the_readme_work(installation: Installation, pytestconfig: pytest.Config) -> None:
    script = "".join(blocks_with(*TOOLS))
    assert all(tool in script for tool in TOOLS), "the README shows no such call"
    missing = [tool for tool in ("grpcurl", "buf") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed")

    await run_in_bash(script, installation, seconds=CALL_SECONDS)

    (run,) = await installation.client.history(INGESTION)
    assert (await installation.rested(run.name)).state == runs_pb2.Run.STATE_SUCCEEDED

    (looks,) = blocks_with("autoloader files explain")
    assert "PROCESSED" in await run_in_bash(looks, installation, seconds=CALL_SECONDS)

    variables = {
        "AUTOLOADER_EXECUTOR_SPARK_CONF": json.dumps(dict(installation.lake.spark_conf())),
        "AUTOLOADER_EXECUTOR_DEFAULT_CATALOG": CATALOG,
        "AUTOLOADER_EXECUTOR_DATA_FOLDER": str(jars_folder(pytestconfig)),
    }
    (recovery,) = blocks_with("autoloader reconcile")
    told = await run_in_bash(recovery, installation, seconds=RECOVERY_SECONDS, variables=variables)
    assert "0 differences" in told
    assert told.count("back 0 leases of 0 files") == 2


def blocks_with(*words: str) -> Iterator[str]:
    for block in FENCED.findall(README.read_text()):
        if any(word in block for word in words):
            yield block


async def run_in_bash(
    script: str, installation: Installation, *, seconds: float, variables: Mapping[str, str] | None = None
) -> str:
    """Runs it against this installation, instead of the one at the default address that may load any folder."""
    address = installation.control_plane.address
    own = script.replace(DEFAULT_ADDRESS, address).replace("/tmp/landing", str(installation.folder / "landing"))
    prelude = f'set -euxo pipefail\nautoloader() {{ command autoloader "$@" --server {address}; }}\n'
    bash = await asyncio.create_subprocess_exec(
        *("bash", "-c", prelude + own), env=without_spark() | dict(variables or {}), stdout=PIPE, stderr=STDOUT
    )
    async with asyncio.timeout(seconds):
        output, _ = await bash.communicate()
    assert bash.returncode == 0, output.decode()
    return output.decode()
