"""A fresh ledger for every test."""

from __future__ import annotations

import pytest

from control_plane.ledger.database import Database
from tests.control_plane.ledger.steps import Steps


@pytest.fixture
def steps(database: Database) -> Steps:
    return Steps(database)
