"""A Connect server as the Spark: no way of the catalog to the files of tables, and sessions that are ours to end."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql.connect.session import SparkSession

from executor import spark
from executor.beside import ConnectObjects, LocalObjects, objects_beside
from executor.errors import StartRefused
from executor.manifests import Marker, leave_manifest, leave_marker
from executor.metadata import leases_since, read_state
from executor.remains import Remains
from executor.spark import Sessions, SparkSettings
from tests.e2e.connect_server import ConnectServer
from tests.executor.lake import CATALOG, INGESTION, Lake, settings_in
from tests.executor.test_manifests import a_manifest

pytestmark = pytest.mark.wide


@pytest.fixture
async def far_settings(tmp_path: Path, data_folder: Path) -> AsyncIterator[SparkSettings]:
    conf = settings_in(tmp_path, data_folder).conf
    server = ConnectServer(tmp_path, spark_conf=conf, data_folder=data_folder)
    try:
        await server.start()
        yield SparkSettings(master=server.url, data_folder=data_folder, default_catalog=CATALOG)
    finally:
        server.kill()
        await server.ended()
        # PySpark's note, by which functions of a classic session would turn to Spark Connect.
        os.environ.pop("SPARK_CONNECT_MODE_ENABLED", None)


@pytest.fixture
async def far_sessions(far_settings: SparkSettings) -> AsyncIterator[Sessions]:
    started = spark.start(far_settings)
    yield started
    spark.stop(started)


async def test_manifests_and_marks_come_back_whole_whoever_wrote_them(far_sessions: Sessions, tmp_path: Path) -> None:
    far, near = tmp_path / "warehouse", LocalObjects(tmp_path / "warehouse" / "_autoloader")
    objects = objects_beside(f"file://{far}", spark=far_sessions.loader, table_sql="")
    assert isinstance(objects, ConnectObjects)
    assert list(objects.names()) == []
    by_server, by_machine = a_manifest(files=5_000), a_manifest()
    for manifest, written_by in ((by_server, objects), (by_machine, near)):
        leave_manifest(manifest, written_by)
        mark = Marker(staged_snapshot_id=22, published_snapshot_id=33)
        leave_marker(mark, written_by, ingestion=INGESTION, lease_id=manifest.lease_id)
    for reader in (objects, near):
        remains = Remains(reader)
        remains.list_names()
        left = remains.read([by_server.lease_id, by_machine.lease_id])
        assert [each.manifests for each in left.values()] == [(by_server,), (by_machine,)]
        assert {each.marker for each in left.values()} == {mark}
        assert remains.troubles == []


async def test_a_load_leaves_both_and_tells_what_is_in_main(far_sessions: Sessions, tmp_path: Path) -> None:
    lake = Lake(far_sessions, tmp_path / "files")
    lake.load([lake.write("one.json", [{"id": 1}])])
    state = read_state(far_sessions.loader, lake.sql_name)
    assert state is not None
    (lease,) = leases_since(state, 0)
    remains = Remains(objects_beside(state.location, spark=far_sessions.loader, table_sql=lake.sql_name))
    remains.list_names()
    left = remains.read([lease])[lease]
    assert left.marker == Marker(staged_snapshot_id=lake.head(), published_snapshot_id=lake.head())
    assert left.manifest_of([lake.head()], table_id=state.id) is not None
    assert lake.stage([lake.write("two.json", [{"id": 2}])]).leases_in_main == (lease,)


async def test_a_start_that_is_refused_leaves_no_session_as_the_active_one(far_settings: SparkSettings) -> None:
    with pytest.raises(StartRefused, match="nowhere"):
        spark.start(replace(far_settings, default_catalog="nowhere"))
    assert SparkSession.getActiveSession() is None
