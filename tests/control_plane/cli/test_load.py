"""`autoloader load`: the main job in one command, with a Spark and a PostgreSQL of its own."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest

from tests.control_plane.cli.conftest import run


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    """A folder of two files that load and one that does not."""
    folder = tmp_path / "landing zone"
    folder.mkdir()
    for number in range(2):
        lines = (json.dumps({"id": i}) for i in range(number * 10, number * 10 + 10))
        (folder / f"data-{number}.json").write_text("\n".join(lines))
    (folder / "bad [1].json").write_text("not json\n")
    return folder


def arguments(landing: Path, *more: str) -> list[str]:
    return ["load", str(landing), "--table", "sales.orders", "--data", str(landing.parent / "data"), *more]


async def start(landing: Path) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "control_plane", *arguments(landing)), stdout=PIPE, stderr=PIPE
    )


async def lines_until(process: Process, wanted: str) -> list[str]:
    """What it writes on its standard error, up to a line that has a text."""
    assert process.stderr
    lines: list[str] = []
    async for line in process.stderr:
        lines.append(line.decode())
        if wanted in lines[-1]:
            break
    return lines


async def read_as_told(output: str) -> str:
    """Runs the lines of Python that stand in an output."""
    code = output[output.index("from pyiceberg") :].replace(".to_arrow())", ".to_arrow().num_rows)")
    process = await asyncio.create_subprocess_exec(*(sys.executable, "-c", code), stdout=PIPE)
    stdout, _ = await process.communicate()
    return stdout.decode().strip()


@pytest.mark.timeout(600)
async def test_files_load_once_and_one_that_failed_loads_when_it_has_changed(landing: Path) -> None:
    first = await run(*arguments(landing))
    assert first.exit_code == 1, first.output
    assert "Loaded 2 files: 20 records" in first.stdout
    assert f"{landing / 'bad [1].json'}\n    DATA_MALFORMED: " in first.stdout
    assert await read_as_told(first.stdout) == "20"

    (landing / "bad [1].json").write_text('{"id": 20}\n')
    second = await run(*arguments(landing / "bad [1].json"), "--data", str(landing.parent / "data"))
    assert second.exit_code == 0, second.output
    assert "Loaded 1 file: 1 record" in second.stdout
    assert await read_as_told(second.stdout) == "21"

    third = await run(*arguments(landing))
    assert third.exit_code == 0, third.output
    assert "Nothing new among 3 objects." in third.stdout


async def test_ctrl_c_cancels_the_run(landing: Path) -> None:
    process = await start(landing)
    await lines_until(process, "of 3 files")
    process.send_signal(signal.SIGINT)
    lines = await lines_until(process, "Interrupted.")
    assert await process.wait() == 130
    assert any(line.startswith("CANCELLED") for line in lines)


@pytest.mark.timeout(600)
async def test_a_killed_load_is_finished_by_the_next_one(landing: Path) -> None:
    process = await start(landing)
    await lines_until(process, "of 3 files")
    process.kill()
    await process.wait()
    again = await run(*arguments(landing))
    assert again.exit_code == 1, again.output  # for the file that is bad
    assert "A run that was left unfinished came to its end first." in again.stdout
    assert await read_as_told(again.stdout) == "20"


@pytest.mark.parametrize(
    ("source", "more", "why"),
    [
        ("none", [], "is not there"),
        ("data-0.json", ["--pattern", "*"], "leave --pattern out"),
        (".", ["--format", "exe"], "'exe' is not"),
    ],
)
async def test_what_cannot_be_loaded_is_refused_before_anything_starts(
    landing: Path, source: str, more: list[str], why: str
) -> None:
    result = await run(*arguments(landing / source, *more))
    assert result.exit_code in (1, 2)
    assert why in result.stderr
    assert not (landing.parent / "data").exists()
