"""Sets what holds for the tests' process before any of their modules is imported, and reports what they measured."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import tests  # noqa: F401

Tell = Callable[[object], None]

_TOLD = "told"


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Tell:
    """Keeps a line for the end of the report, to which it comes from every process that runs tests."""
    return lambda told: record_property(_TOLD, str(told))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    calls = [
        report
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if report.when == "call"
    ]
    told = [line for report in calls for name, line in report.user_properties if name == _TOLD]
    if told:
        terminalreporter.section("what was counted and measured")
        for line in told:
            terminalreporter.write_line(str(line))
