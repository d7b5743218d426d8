"""One Spark and one PostgreSQL for all scenes, and a table of what was noticed at the end of the report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from executor import spark
from tests.e2e.installation import jars_folder
from tests.executor.lake import RECORDS, settings_in
from tests.faults.seeded.ground import Ground
from tests.postgres import PostgresServer


class Notice(NamedTuple):
    """That a scene ended otherwise than it should, with a bug."""

    bug: str
    scene: str
    end: str
    seconds: float


# So that a scene's assertions say what they found, as a test's do.
pytest.register_assert_rewrite(
    *(f"tests.faults.seeded.scenes_of_{kind}" for kind in ("deaths", "leases", "loops", "publishing", "staging"))
)

_NOTICED = pytest.StashKey[list[Notice]]()


def pytest_configure(config: pytest.Config) -> None:
    # The bridge to Spark's JVM lets the collector close its sockets, a pair for each thread.
    config.addinivalue_line("filterwarnings", r"ignore:unclosed <socket\.socket:ResourceWarning")


@pytest.fixture(scope="session")
def ground(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, pytestconfig: pytest.Config
) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("seeded")
    settings = settings_in(folder, jars_folder(pytestconfig))
    sessions = spark.start(settings)
    ground = Ground(sessions=sessions, settings=settings, lake_folder=folder, postgres=postgres, folder=folder)
    warm = ground.lake()
    warm.load([warm.write("first.json", RECORDS)])
    yield ground
    spark.stop(sessions)


@pytest.fixture(scope="session")
def noticed(pytestconfig: pytest.Config) -> list[Notice]:
    """What to tell at the end of the report."""
    return pytestconfig.stash.setdefault(_NOTICED, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if noticed := config.stash.get(_NOTICED, []):
        terminalreporter.section("seeded bugs of executors and loops")
        for bug, scene, end, seconds in noticed:
            terminalreporter.write_line(f"{bug:<50} {scene:<58} {seconds:5.1f} s  {' '.join(end.split())[:60]}")
        total = sum(notice.seconds for notice in noticed)
        terminalreporter.write_line(f"{len(noticed)} bugs were noticed, in {total:.0f} s")
