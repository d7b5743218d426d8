"""A catalog whose answer is lost reports a conflict for a commit that landed; rows are loaded once all the same."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.e2e.installation import add_executor, jars_folder
from tests.e2e.places import Bucket
from tests.e2e.postgres_lake import PostgresLake
from tests.faults.cut_wire import cut_wire
from tests.faults.interposer import Forward, hand_on, interposed
from tests.faults.scene import Scene
from tests.postgres import PostgresServer
from tests.servers.moto_server import running_moto

pytestmark = pytest.mark.wide


async def test_rows_are_loaded_once_when_the_answer_to_a_publication_is_lost(
    scene: Scene, postgres: PostgresServer, pytestconfig: pytest.Config
) -> None:
    with running_moto() as moto:
        async with (
            postgres.database(migrated=False) as url,
            cut_wire(urlsplit(url).hostname or "", urlsplit(url).port or 0) as catalog_wire,
            interposed(scene.control_plane.address) as wire,
        ):
            lake = PostgresLake(database_url=url, warehouse=Bucket(moto).make(), address=catalog_wire.address)
            executor = await add_executor(
                scene.installation,
                name="publisher",
                control_plane=wire.address,
                spark_conf=lake.spark_conf(),
                data_folder=jars_folder(pytestconfig),
                leases_at_once="2",
            )
            wire.open()
            assert await (await scene.a_load(0)).runs_well(), "it has a catalog"
            load = await scene.a_load(0, 1, max_files_per_lease=1)

            async def cut_the_next_commit(request: bytes, forward: Forward) -> bytes:
                # Main has moved by then, so that the publication writes files: those that a liar has deleted.
                await wire.once("CompleteLease", hand_on).wait()
                await wire.once("AcquireLease", hand_on).wait()
                reply = await forward(request)
                catalog_wire.arm("UPDATE iceberg_tables")
                return reply

            wire.once("StageLease", cut_the_next_commit)

            assert await load.runs_well()
            assert catalog_wire.was_cut.is_set()
            assert await load.agrees_with(await lake.read(load.table), 0, 1)
            executor.kill()
            await executor.ended()
