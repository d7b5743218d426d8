"""Servers and places for the suites that hold for every kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.places import LocalPlace, Place, S3Place
from tests.servers.moto_server import MotoServer, running_moto
from tests.servers.server import S3Server
from tests.servers.versitygw import Versitygw, running_versitygw


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


@pytest.fixture(params=["moto", "versitygw"])
def s3_server(request: pytest.FixtureRequest) -> S3Server:
    server: S3Server = request.getfixturevalue(request.param)
    return server


@pytest.fixture(params=["local", "moto", "versitygw"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "local":
        return LocalPlace(tmp_path)
    return S3Place(request.getfixturevalue(request.param))
