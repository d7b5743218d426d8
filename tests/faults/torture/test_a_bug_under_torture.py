"""A torture of executors with a bug, which must not pass."""

from __future__ import annotations

import pytest

from tests.conftest import Tell
from tests.e2e.installation import jars_folder
from tests.faults.seeded.bugs_of_tables import PLAIN_APPEND
from tests.faults.seeded.planted import BUG_VARIABLE
from tests.faults.torture.cast import gathered
from tests.faults.torture.conftest import FAULT_SECONDS, folder_of_a_cast
from tests.faults.torture.plan import plan_of
from tests.faults.torture.play import play

pytestmark = [pytest.mark.wide, pytest.mark.timeout(600)]


async def test_executors_that_append_to_main_do_not_pass(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch, tell: Tell
) -> None:
    monkeypatch.setenv(BUG_VARIABLE, PLAIN_APPEND)
    folder = folder_of_a_cast(tmp_path_factory)
    async with gathered(
        folder, jars=jars_folder(pytestconfig), executors_run_under="tests.faults.seeded.planted"
    ) as cast:
        report = await play(plan_of(1, seconds=FAULT_SECONDS), cast, log=folder / "happened.jsonl")

    tell(f"planted: {PLAIN_APPEND}; duplicated {report.duplicated}, findings {len(report.findings)}")
    assert not report.is_clean
    assert report.duplicated
