"""Turns the conditions of a filter into SQL, over columns that each list names."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement

from control_plane.domain.filter import Condition

_OPERATORS = {"=": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt}


def where(conditions: Sequence[Condition], columns: Mapping[str, ColumnElement[Any]]) -> list[ColumnElement[bool]]:
    """One SQL condition each. The fields were checked before: a KeyError here is a defect."""
    return [_OPERATORS[each.operator](columns[each.field], each.value) for each in conditions]
