"""Short tortures: two plans that never change, a fresh one, and one of executors with a bug, which must not pass."""

from __future__ import annotations

import secrets
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.e2e.installation import jars_folder
from tests.faults.seeded.bugs_of_tables import PLAIN_APPEND
from tests.faults.seeded.planted import BUG_VARIABLE
from tests.faults.torture.cast import Cast, gathered
from tests.faults.torture.plan import plan_of, read_plan
from tests.faults.torture.play import play

pytestmark = [pytest.mark.wide, pytest.mark.timeout(600)]

FAULT_SECONDS = 30.0
FRESH = secrets.randbelow(1_000_000)

Say = Callable[[object], None]


@pytest.fixture(scope="module")
async def cast(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> AsyncIterator[Cast]:
    async with gathered(_folder(tmp_path_factory), jars=jars_folder(pytestconfig)) as cast:
        yield cast


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Prints past pytest: the figures are for whoever reads the log of a run that went well."""

    def say(report: object) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{report}\n")

    return say


@pytest.mark.parametrize("seed", [1, 2, pytest.param(FRESH, id="fresh")])
async def test_no_row_is_lost_or_doubled(cast: Cast, tmp_path: Path, say: Say, seed: int) -> None:
    report = await play(plan_of(seed, seconds=FAULT_SECONDS), cast, log=tmp_path / "happened.jsonl")

    say(report)
    assert report.is_clean
    assert report.faults.total() and report.rows


async def test_executors_that_append_to_main_do_not_pass(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch, say: Say
) -> None:
    monkeypatch.setenv(BUG_VARIABLE, PLAIN_APPEND)
    folder = _folder(tmp_path_factory)
    async with gathered(
        folder, jars=jars_folder(pytestconfig), executors_run_under="tests.faults.seeded.planted"
    ) as cast:
        report = await play(plan_of(1, seconds=FAULT_SECONDS), cast, log=folder / "happened.jsonl")

    say(f"planted: {PLAIN_APPEND}; duplicated {report.duplicated}, findings {len(report.findings)}")
    assert not report.is_clean
    assert report.duplicated


def test_a_plan_that_was_kept_is_the_plan(tmp_path: Path) -> None:
    plan = plan_of(FRESH, seconds=FAULT_SECONDS)
    plan.write(tmp_path / "plan.jsonl")

    assert read_plan(tmp_path / "plan.jsonl") == plan == plan_of(FRESH, seconds=FAULT_SECONDS)


def _folder(factory: pytest.TempPathFactory) -> Path:
    """One that the ledger's own user may look into."""
    folder = factory.mktemp("torture")
    folder.chmod(0o711)
    return folder
