"""The server ends connections in the midst of a run, at each of its statements: it ends as if nothing had happened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from itertools import cycle

import pytest
from autoloader.v1 import runs_pb2

from tests.faults.postgres.play import Play
from tests.faults.postgres.proxy import Fault, Statement
from tests.faults.postgres.scene import UNHURRIED_SECONDS, Scene, serving
from tests.postgres import PostgresServer

# Fewer would mean that the proxy does not hear all.
STATEMENTS_MIN = 30
# A loop whose turn just failed pauses, for longer than a run may take: its statements come with a later one.
RUNS_A_STATEMENT_MAX = 10
# The driver asks for types that it meets, once a connection.
_OF_THE_DRIVER = ("'jit'", "typeinfo_tree")


@pytest.fixture(scope="module")
async def quick(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """A scene whose loops try again soon."""
    folder = tmp_path_factory.mktemp("terminated")
    async with postgres.database() as url, serving(url, folder, lease_seconds=UNHURRIED_SECONDS) as scene:
        yield scene


async def test_a_run_ends_well_though_the_backend_of_any_of_its_statements_is_terminated(quick: Scene) -> None:
    undisturbed, statements = await _heard(quick)
    _, again = await _heard(quick)
    expected = await quick.seen(undisturbed)
    # What only one of two runs has belongs to a connection's opening, or to a duty that comes once an hour.
    common = [sql for sql in statements if sql in again and not any(mark in sql for mark in _OF_THE_DRIVER)]
    assert len(common) > STATEMENTS_MIN
    for sql, fault in zip(common, cycle([Fault.TERMINATED, Fault.TERMINATED_MEANWHILE]), strict=False):
        fired = quick.proxy.once(fault, partial(_is, sql))
        for _ in range(RUNS_A_STATEMENT_MAX):
            disturbed = await _run(quick)
            assert await quick.seen(disturbed) == expected, f"{fault} at {sql}"
            if fired.is_set():
                break
        assert fired.is_set(), f"{RUNS_A_STATEMENT_MAX} runs have no {sql}"


async def _heard(scene: Scene) -> tuple[Play, dict[str, None]]:
    """A whole run, and the different statements that went by, in order."""
    scene.proxy.heard.clear()
    return await _run(scene), dict.fromkeys(scene.proxy.heard)


async def _run(scene: Scene) -> Play:
    """An ingestion that was created, and loaded to its end."""
    play = scene.play()
    await play.create()
    await play.start()
    assert (await play.load_all()).state == runs_pb2.Run.STATE_SUCCEEDED
    return play


def _is(sql: str, statement: Statement) -> bool:
    return statement.sql == sql
