"""Turns a filter into SQL, over columns that each list names."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, assert_never

from sqlalchemy import ColumnElement, and_, func, not_, or_, true
from sqlalchemy.dialects.postgresql import JSONB

from control_plane.domain.filter import All, AnyOf, Condition, Filter, Not

Column = Callable[[str], ColumnElement[Any]]

_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def where(filter: Filter, column: Column) -> ColumnElement[bool]:
    """The filter over the columns that `column` gives for its fields, which were checked before."""
    match filter:
        case Condition(field, "!=", value):
            return not_(_known(Condition(field, "=", value), column))
        case Condition():
            return _known(filter, column)
        case Not(negated):
            return not_(where(negated, column))
        case All(parts):
            return and_(true(), *(where(part, column) for part in parts))
        case AnyOf(parts):
            return or_(*(where(part, column) for part in parts))
        case _:
            assert_never(filter)


def _known(condition: Condition, column: Column) -> ColumnElement[bool]:
    """False, not NULL, where the column is NULL: what has no value is in the opposite of each condition on it."""
    subject = column(condition.field)
    return and_(_holds(subject, condition), subject.is_not(None))


def _holds(subject: ColumnElement[Any], condition: Condition) -> ColumnElement[bool]:
    if condition.operator != ":":
        held: ColumnElement[bool] = _OPERATORS[condition.operator](subject, condition.value)
        return held
    if isinstance(subject.type, JSONB):
        return subject.bool_op("?")(condition.value)
    return func.strpos(subject, condition.value) > 0
