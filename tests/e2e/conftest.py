"""What the stories share: servers, and one installation with a warm executor; those that kill take their own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.e2e.installation import Installation, add_executor, installed, jars_folder
from tests.e2e.places import Bucket, Folder, Place
from tests.postgres import PostgresServer, running_postgres
from tests.servers.moto_server import MotoServer, running_moto
from tests.servers.versitygw import Versitygw, running_versitygw


@pytest.fixture(scope="session")
async def postgres() -> AsyncIterator[PostgresServer]:
    async with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def moto() -> Iterator[MotoServer]:
    with running_moto() as server:
        yield server


@pytest.fixture(scope="session")
def versitygw() -> Iterator[Versitygw]:
    with running_versitygw() as server:
        if server is None:
            pytest.skip("versitygw is not installed")
        yield server


@pytest.fixture(scope="session")
def data_folder(pytestconfig: pytest.Config) -> Path:
    return jars_folder(pytestconfig)


@pytest.fixture(scope="session")
async def installation(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, data_folder: Path
) -> AsyncIterator[Installation]:
    """The one that all stories share; none of them may stop what is in it."""
    async with installed(tmp_path_factory.mktemp("shared"), postgres) as running:
        await add_executor(running, data_folder=data_folder)
        yield running


@pytest.fixture
async def own_installation(tmp_path: Path, postgres: PostgresServer) -> AsyncIterator[Installation]:
    """One for a story that stops and kills; it has no executor yet."""
    async with installed(tmp_path, postgres) as running:
        yield running


@pytest.fixture
def table() -> str:
    return f"stories.t{uuid.uuid4().hex}"


@pytest.fixture(
    params=[
        "a bucket's folder",
        "a bucket's root",
        "a local folder",
        pytest.param("a bucket of versitygw", marks=pytest.mark.wide),
    ]
)
def place(request: pytest.FixtureRequest, installation: Installation, table: str) -> Place:
    match request.param:
        case "a bucket's folder":
            return Bucket(request.getfixturevalue("moto"), prefix="events/").make()
        case "a bucket's root":
            return Bucket(request.getfixturevalue("moto"), pattern="data-*.json").make()
        case "a bucket of versitygw":
            return Bucket(request.getfixturevalue("versitygw"), prefix="events/").make()
        case _:
            return Folder(installation.folder / table)
