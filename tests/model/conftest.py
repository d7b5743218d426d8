"""One ledger for all that is asked of the model."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.model.ground import Ground, fresh_ground


@pytest.fixture(scope="session")
def ground() -> Iterator[Ground]:
    with fresh_ground() as ledger:
        yield ledger
