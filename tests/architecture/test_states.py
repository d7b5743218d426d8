"""The diagram in the docstring, the enums' allowed moves and the folder sql/ say the same."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

import control_plane
from control_plane.domain.file import FILE_MOVES
from control_plane.domain.lease import LEASE_MOVES
from control_plane.domain.run import RUN_MOVES
from control_plane.domain.schema import CHANGE_MOVES

_ARROW = re.compile(r"^    (run|file|lease|change) +([A-Z_]+) +→ ((?:[A-Z_]+ )+) *([a-z_ ]+)$", re.MULTILINE)
_SETS_STATE = re.compile(r"(SET|,\n) *state = ")
_MOVES: dict[str, Any] = {"run": RUN_MOVES, "file": FILE_MOVES, "lease": LEASE_MOVES, "change": CHANGE_MOVES}
_SQL = files("control_plane.ledger").joinpath("sql")


def _arrows() -> list[tuple[str, str, str, str]]:
    """Each arrow as (noun, state left, state reached, statement)."""
    return [
        (noun, left, reached, statement)
        for noun, left, reaches, statements in _ARROW.findall(control_plane.__doc__ or "")
        for reached in reaches.split()
        for statement in statements.split()
    ]


def _statements() -> dict[str, str]:
    return {each.name.removesuffix(".sql"): re.sub(r"--.*", "", each.read_text("utf-8")) for each in _SQL.iterdir()}


def test_the_diagram_has_the_moves_that_the_enums_allow() -> None:
    drawn = {(noun, left, reached) for noun, left, reached, _ in _arrows()}
    allowed = {
        (noun, str(left), str(reached))
        for noun, moves in _MOVES.items()
        for left, reaches in moves.items()
        for reached in reaches
    }
    assert drawn == allowed


def test_every_arrow_is_a_statement_that_names_both_its_states() -> None:
    statements = _statements()
    for noun, left, reached, name in _arrows():
        # complete_lease and unstage_lease are told by the caller which of two states they leave.
        left_is_told = ":leaves" in statements[name] and noun == "lease"
        assert left_is_told or noun == "file" or left == reached or f"'{left}'" in statements[name], (noun, left, name)
        told = "outcome" in statements[name] and noun == "file"
        assert told or f"'{reached}'" in statements[name] or left == reached, (noun, reached, name)


def test_every_statement_that_sets_a_state_is_an_arrow() -> None:
    setting = {name for name, sql in _statements().items() if _SETS_STATE.search(sql)}
    drawn = {name for *_, name in _arrows()}
    assert setting == drawn


def test_every_statement_opens_with_a_line_of_why() -> None:
    assert all(each.read_text("utf-8").startswith("-- ") for each in _SQL.iterdir())
