"""One ledger for all that is asked of the model, and a place to tell what was counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.model.ground import Ground, fresh_ground

_TOLD = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def ground() -> Iterator[Ground]:
    with fresh_ground() as ledger:
        yield ledger


@pytest.fixture(scope="session")
def tell(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Keeps a line for the end of the session's report."""
    return pytestconfig.stash.setdefault(_TOLD, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if told := config.stash.get(_TOLD, []):
        terminalreporter.section("the ledger against its model")
        for line in told:
            terminalreporter.write_line(line)
