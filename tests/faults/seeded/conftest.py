"""One Spark and one PostgreSQL for all scenes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from executor import spark
from tests.e2e.installation import jars_folder
from tests.executor.lake import RECORDS, settings_in
from tests.faults.seeded.ground import Ground
from tests.postgres import PostgresServer

# So that a scene's assertions say what they found, as a test's do.
pytest.register_assert_rewrite(
    *(f"tests.faults.seeded.scenes_of_{kind}" for kind in ("deaths", "leases", "loops", "publishing", "staging"))
)


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
