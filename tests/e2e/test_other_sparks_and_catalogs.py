"""The same story where Spark is a cluster or a Connect server, and where tables live in PostgreSQL and a bucket."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from autoloader.v1 import runs_pb2

from tests.e2e.connect_server import ConnectServer
from tests.e2e.installation import Installation, add_executor
from tests.e2e.lake import TableContent
from tests.e2e.places import Bucket, Folder, Place
from tests.e2e.postgres_lake import PostgresLake
from tests.e2e.records import content_of_file
from tests.postgres import PostgresServer
from tests.servers.moto_server import MotoServer

pytestmark = pytest.mark.wide

Read = Callable[[str], Awaitable[TableContent | None]]


async def test_on_a_cluster_of_other_processes(own_installation: Installation, table: str, data_folder: Path) -> None:
    conf = own_installation.lake.spark_conf() | {"spark.executor.memory": "512m"}
    master = "local-cluster[2,1,512]"
    await add_executor(own_installation, data_folder=data_folder, spark_master=master, spark_conf=conf)
    await assert_that_only_new_files_are_loaded(own_installation, a_folder(own_installation), table)


async def test_on_spark_connect(own_installation: Installation, table: str, data_folder: Path, tmp_path: Path) -> None:
    server = ConnectServer(tmp_path, spark_conf=own_installation.lake.spark_conf(), data_folder=data_folder)
    own_installation.services.append(server)
    await server.start()
    await add_executor(own_installation, data_folder=data_folder, spark_master=server.url, spark_conf={})
    await assert_that_only_new_files_are_loaded(own_installation, a_folder(own_installation), table)
    await start_anew(server)
    other = Folder(own_installation.folder / "columns-not-seen-before")
    other.put("data.json", b'{"city": "Oslo", "degrees": -3.5}\n')
    run = await own_installation.run(await own_installation.client.create(other.source, table=f"{table}_weather"))
    assert (run.state, run.records_written) == (runs_pb2.Run.STATE_SUCCEEDED, 1), str(run)


async def start_anew(server: ConnectServer) -> None:
    server.kill()
    await server.ended()
    await server.start()


async def test_with_a_catalog_in_postgresql_and_tables_in_a_bucket(
    own_installation: Installation, table: str, data_folder: Path, postgres: PostgresServer, moto: MotoServer
) -> None:
    async with postgres.database(migrated=False) as url:
        lake = PostgresLake(database_url=url, warehouse=Bucket(moto).make())
        await add_executor(own_installation, data_folder=data_folder, spark_conf=lake.spark_conf())
        await assert_that_only_new_files_are_loaded(own_installation, Bucket(moto).make(), table, read=lake.read)


def a_folder(installation: Installation) -> Folder:
    return Folder(installation.folder / "landing")


async def assert_that_only_new_files_are_loaded(
    installation: Installation, place: Place, table: str, *, read: Read | None = None
) -> None:
    """E2E-02 in short."""
    ingestion = await installation.client.create(place.source, table=table)
    for numbers in ([0, 1, 2], [3, 4]):
        for number in numbers:
            place.put(f"data-{number}.json", content_of_file(number))
        run = await installation.run(ingestion)
        assert run.state == runs_pb2.Run.STATE_SUCCEEDED, str(run)
        assert (run.files_processed, run.records_written) == (len(numbers), 1000 * len(numbers))
    content = await read(table) if read else installation.lake.read(table)
    assert content is not None
    assert content.holds_once(range(5000))
