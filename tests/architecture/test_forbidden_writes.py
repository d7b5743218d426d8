"""Rows enter a table by one kind of write only: none that puts rows into main in silence stands in the executor."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_EXECUTOR = Path(__file__).parents[2] / "executor"
# writeTo and saveAsTable ignore the option "branch" in silence and write to main; publish_changes and fast_forward move
# main without the check of the wap id.
_FORBIDDEN = {
    "writeTo": r"\.writeTo\(",
    "saveAsTable": r"\.saveAsTable\(",
    "insertInto": r"\.insertInto\(",
    "publish_changes": r"publish_changes\(",
    "fast_forward": r"fast_forward\(",
    "INSERT INTO": r"INSERT\s+(INTO|OVERWRITE)\b",
}


@pytest.mark.parametrize("name", _FORBIDDEN)
def test_the_executor_never_writes_in_a_way_that_reaches_main(name: str) -> None:
    pattern = re.compile(_FORBIDDEN[name])
    offenders = [path.name for path in _EXECUTOR.rglob("*.py") if pattern.search(path.read_text("utf-8"))]
    assert offenders == []


def test_every_write_names_a_branch() -> None:
    sources = [path.read_text("utf-8") for path in _EXECUTOR.rglob("*.py")]
    writes = [source for source in sources if 'format("iceberg")' in source]
    assert writes
    assert all('option("branch"' in source for source in writes)
