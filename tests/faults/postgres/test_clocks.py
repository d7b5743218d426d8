"""Clocks jump by hours: the control plane never asks its own, and the ledger's only says how long to wait."""

from __future__ import annotations

import ast
import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from autoloader.v1 import files_pb2, runs_pb2
from autoloader.v1 import leases_pb2 as pb

import control_plane
from tests.faults.postgres.jumps import jump, ledger_with_its_own_clock
from tests.faults.postgres.play import RECORDS_PER_FILE, Play, until
from tests.faults.postgres.scene import Scene, serving
from tests.postgres import PostgresServer

LEASE_SECONDS = 1.0
HOURS = [6, -6]
WALL_CLOCKS = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}


@pytest.fixture
async def hasty(postgres: PostgresServer, tmp_path: Path) -> AsyncIterator[Scene]:
    """A scene with short leases, on a ledger whose clock can be set."""
    async with ledger_with_its_own_clock(postgres) as url, serving(url, tmp_path, lease_seconds=LEASE_SECONDS) as scene:
        yield scene


def test_the_control_plane_never_reads_its_own_wall_clock() -> None:
    package = Path(control_plane.__file__).parent
    asked = [
        f"{path.relative_to(package)}:{node.lineno}"
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in WALL_CLOCKS
    ]
    assert asked == []


@pytest.mark.parametrize("hours", HOURS)
async def test_a_jump_of_the_control_planes_clock_changes_nothing(
    hasty: Scene, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    play = await _held(hasty)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + hours * 3600)
    for _ in range(4):
        await asyncio.sleep(LEASE_SECONDS / 2)
        assert await play.renew()
    assert play.lease.fence == 1
    await play.load()
    await _ends_well(play)


@pytest.mark.parametrize("hours", HOURS)
async def test_a_jump_of_the_ledgers_clock_loses_and_doubles_nothing(hasty: Scene, hours: int) -> None:
    play = await _held(hasty)
    await jump(hasty.proxy.direct_url, hours=hours)
    await asyncio.sleep(LEASE_SECONDS)
    decision = (await play.doors.call(play.staging())).decision
    if decision == pb.StageLeaseResponse.DECISION_DECIDED:
        await play.doors.call(play.completion())
    await _ends_well(play)


@pytest.mark.parametrize("hours", HOURS)
async def test_an_executor_that_lives_keeps_its_lease_though_the_ledgers_clock_jumps(hasty: Scene, hours: int) -> None:
    play = await _held(hasty)
    await jump(hasty.proxy.direct_url, hours=hours)
    for _ in range(4):
        await asyncio.sleep(LEASE_SECONDS / 3)
        assert await play.renew()


@pytest.mark.parametrize("hours", HOURS)
async def test_what_waits_is_handed_out_though_the_ledgers_clock_jumps(hasty: Scene, hours: int) -> None:
    play = hasty.play()
    await play.create()
    await play.offer()
    await jump(hasty.proxy.direct_url, hours=hours)
    await until(play.acquire)


@pytest.mark.parametrize("hours", HOURS)
async def test_a_dead_executors_files_are_offered_again_though_the_ledgers_clock_jumps(
    hasty: Scene, hours: int
) -> None:
    dead = await _held(hasty)
    await jump(hasty.proxy.direct_url, hours=hours)
    successor = Play(doors=dead.doors, folder=dead.folder, id=dead.id, run=dead.run)
    await until(successor.acquire)
    assert successor.lease.load.files == dead.lease.load.files


async def _held(scene: Scene) -> Play:
    """An executor at work, with a reaper that trusts silence."""
    play = scene.play()
    await play.create()
    await play.hold()
    for _ in range(3):
        await asyncio.sleep(LEASE_SECONDS / 2)
        assert await play.renew()
    return play


async def _ends_well(play: Play) -> None:
    run = await play.load_all()
    assert run.state == runs_pb2.Run.STATE_SUCCEEDED
    assert (run.files_processed, run.records_written) == (2, 2 * RECORDS_PER_FILE)
    assert await play.all_are(files_pb2.File.STATE_PROCESSED)
