"""`autoloader audit` and `autoloader reconcile`, on one machine and against a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.control_plane.cli.conftest import run


async def test_what_cannot_be_reached_is_said_by_its_exit_code(server: str) -> None:
    for words in (["audit", "nobody"], ["reconcile", "nobody", "--dry-run", "--accept", "x"]):
        result = await run(*words, "--server", server)
        assert result.exit_code == 2
        assert "ingestions/nobody does not exist" in result.stderr


async def test_what_cannot_be_reached_on_one_machine_is_in_its_log(server: str, tmp_path: Path) -> None:
    result = await run("audit", "ingestions/nobody", "--data", str(tmp_path), "--server", server)
    assert result.exit_code == 2
    assert f"{tmp_path / 'executor.log'} says why" in result.stderr
    assert "ingestions/nobody does not exist" in (tmp_path / "executor.log").read_text()


@pytest.mark.wide
@pytest.mark.timeout(900)
async def test_a_machine_that_lost_its_ledger_gets_it_back_from_the_table(tmp_path: Path) -> None:
    landing, lake = tmp_path / "landing", tmp_path / "lake"
    landing.mkdir()
    for number in range(3):
        (landing / f"{number}.json").write_text(json.dumps({"id": number}))
    (landing / "bad.json").write_text("not json")
    load = ["load", str(landing), "--table", "sales.orders", "--data", str(lake)]
    assert "Loaded 3 files: 3 records" in (await run(*load)).stdout

    (lake / "postgres").rename(tmp_path / "lost")
    (landing / "new.json").write_text(json.dumps({"id": 9}))
    sealed = await run(*load)
    assert sealed.exit_code == 1
    assert "TABLE_SEALED" in sealed.stdout and "autoloader reconcile sales-orders" in sealed.stdout
    on_it = ["sales-orders", "--data", str(lake)]
    differing = await run("audit", *on_it)
    assert (differing.exit_code, "1 difference" in differing.stdout) == (1, True), differing.output

    for words, verb in ((["reconcile", "--dry-run"], "Would bring"), (["reconcile"], "Brought")):
        told = await run(*words, *on_it)
        assert (told.exit_code, f"{verb} back 1 lease of 3 files and 3 rows" in told.stdout) == (0, True), told.output
    assert (await run("audit", *on_it)).exit_code == 0
    again = await run(*load)
    assert "Loaded 1 file: 1 record" in again.stdout
    assert "4 PROCESSED, 1 FAILED" in again.stdout
