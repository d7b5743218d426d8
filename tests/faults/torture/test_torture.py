"""Short tortures: two plans that never change, and a fresh one."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import Tell
from tests.e2e.installation import jars_folder
from tests.faults.torture.cast import Cast, gathered
from tests.faults.torture.conftest import FAULT_SECONDS, folder_of_a_cast
from tests.faults.torture.plan import plan_of, read_plan
from tests.faults.torture.play import play

pytestmark = [pytest.mark.wide, pytest.mark.timeout(600)]

FRESH = secrets.randbelow(1_000_000)


@pytest.fixture(scope="module")
async def cast(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> AsyncIterator[Cast]:
    async with gathered(folder_of_a_cast(tmp_path_factory), jars=jars_folder(pytestconfig)) as cast:
        yield cast


@pytest.mark.parametrize("seed", [1, 2, pytest.param(FRESH, id="fresh")])
async def test_no_row_is_lost_or_doubled(cast: Cast, tmp_path: Path, tell: Tell, seed: int) -> None:
    report = await play(plan_of(seed, seconds=FAULT_SECONDS), cast, log=tmp_path / "happened.jsonl")

    tell(report)
    assert report.is_clean
    assert report.faults.total() and report.rows


def test_a_plan_that_was_kept_is_the_plan(tmp_path: Path) -> None:
    plan = plan_of(FRESH, seconds=FAULT_SECONDS)
    plan.write(tmp_path / "plan.jsonl")

    assert read_plan(tmp_path / "plan.jsonl") == plan == plan_of(FRESH, seconds=FAULT_SECONDS)
