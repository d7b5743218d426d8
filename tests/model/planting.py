"""Plants bugs in the ledger for the time of a test: in the text of a statement, or in a function."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import TextClause, text

from control_plane.ledger import statements

Plant = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True, slots=True)
class SeededBug:
    """A bug by its name, and what makes the ledger have it."""

    name: str
    plant: Plant


def in_sql(name: str, *changes: tuple[str, str]) -> Plant:
    """Changes texts of the statement. Each must be there once, else the bug is none any more."""
    original = statements.statement
    sql = original(name).text
    for old, new in changes:
        assert sql.count(old) == 1, (name, old)
        sql = sql.replace(old, new)
    changed = text(sql)

    def statement(asked: str) -> TextClause:
        return changed if asked == name else original(asked)

    def plant(patch: pytest.MonkeyPatch) -> None:
        for module in _importers():
            patch.setattr(module, "statement", statement)

    return plant


def in_code(place: ModuleType | type, name: str, instead: Any) -> Plant:
    """Puts another function in the place of the module's, or the class's, own."""
    assert hasattr(place, name), (place, name)
    return lambda patch: patch.setattr(place, name, instead)


def together(*plants: Plant) -> Plant:
    """One bug that shows only when it is in several places."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        for each in plants:
            each(patch)

    return plant


def _importers() -> list[ModuleType]:
    return [
        module
        for name, module in list(sys.modules.items())
        if name.startswith("control_plane.ledger.") and getattr(module, "statement", None) is statements.statement
    ]
