"""Filters choose the rows that a look at each of them would choose, whatever has no value."""

from __future__ import annotations

import operator
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Boolean, ColumnElement, MetaData, Table, func, select
from sqlalchemy import Column as TableColumn
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import BigInteger, DateTime, Integer, Text

from control_plane.api import filters
from control_plane.ledger.conditions import where
from control_plane.ledger.database import Database

DAYS = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3)]
FIELDS = {
    "state": filters.one_of("FAILED", "PENDING"),
    "name": filters.text(),
    "category": filters.one_of("MALFORMED", "AWAY"),
    "size": filters.integer(),
    "end_time": filters.time(),
    "labels": filters.keys(),
    "labels.*": filters.text(),
}
VALUES: Mapping[str, list[Any]] = {
    "state": ["FAILED", "PENDING"],
    "name": ["", "a", "ab", "a%b", "b_", "A", 'a "b" \\', "é"],
    "category": ["MALFORMED", "AWAY"],
    "size": [-1, 0, 5],
    "end_time": DAYS,
    "labels": ["team", "my team"],
    "labels.team": ["", "a", "ab"],
    'labels."my team"': ["", "a"],
}
COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    ":": lambda text, part: part in text,
}
ROWS: list[dict[str, Any]] = [
    {
        "id": number,
        "state": VALUES["state"][number % 2],
        "name": VALUES["name"][number % 8],
        "category": [None, *VALUES["category"]][number % 3],
        "size": [None, -1, 0, 3, 5][number % 5],
        "end_time": [None, *DAYS][number % 4],
        "labels": [{}, {"team": "a"}, {"team": ""}, {"my team": "ab", "team": "ab"}][number % 4],
    }
    for number in range(120)
]
THINGS = Table(
    "things",
    MetaData(),
    TableColumn("id", Integer),
    TableColumn("state", Text, nullable=False),
    TableColumn("name", Text, nullable=False),
    TableColumn("category", Text),
    TableColumn("size", BigInteger),
    TableColumn("end_time", DateTime(timezone=True)),
    TableColumn("labels", JSONB, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Wish:
    """A filter as it is written, and what it says of a row; `binds` tells what may stand beside it unparenthesized."""

    written: str
    holds: Callable[[Mapping[str, Any]], bool]
    binds: str = "condition"


def _column(field: str) -> ColumnElement[Any]:
    if field.startswith("labels."):
        return func.coalesce(THINGS.c.labels[field.removeprefix("labels.")].astext, "")
    return THINGS.c[field]


def _value(row: Mapping[str, Any], field: str) -> Any:
    if field.startswith("labels."):
        return row["labels"].get(field.removeprefix("labels.").strip('"'), "")
    return row[field]


@st.composite
def _conditions(draw: st.DrawFn) -> Wish:
    field = draw(st.sampled_from(list(VALUES)))
    kind = FIELDS["labels.*" if field.startswith("labels.") else field]
    sign, value = draw(st.sampled_from(kind.operators)), draw(st.sampled_from(VALUES[field]))
    written = value.isoformat() if isinstance(value, datetime) else str(value)
    quoted = '"' + written.replace("\\", "\\\\").replace('"', '\\"') + '"'

    def holds(row: Mapping[str, Any]) -> bool:
        has = _value(row, field)
        if sign == "!=":
            return bool(has != value)
        return has is not None and COMPARED[sign](has, value)

    return Wish(f"{field}{draw(st.sampled_from(['', ' ']))}{sign} {quoted}", holds)


def _bare(wish: Wish, *beside: str) -> str:
    return wish.written if wish.binds in ("condition", *beside) else f"({wish.written})"


def _combined(wishes: st.SearchStrategy[Wish]) -> st.SearchStrategy[Wish]:
    pairs = st.tuples(wishes, wishes)
    return st.one_of(
        st.builds(lambda a, sign: Wish(f"{sign}{_bare(a)}", lambda row: not a.holds(row), "not"), wishes, SIGNS),
        pairs.map(lambda p: Wish(_joined("OR", p, "not"), lambda row: p[0].holds(row) or p[1].holds(row), "or")),
        pairs.map(
            lambda p: Wish(_joined("AND", p, "not", "or"), lambda row: p[0].holds(row) and p[1].holds(row), "and")
        ),
    )


def _joined(word: str, pair: tuple[Wish, Wish], *beside: str) -> str:
    return f" {word} ".join(_bare(wish, *beside) for wish in pair)


SIGNS = st.sampled_from(["NOT ", "-"])
WISHES = st.recursive(_conditions(), _combined, max_leaves=8)


@pytest.fixture
async def things(database: Database) -> AsyncIterator[Database]:
    async with database.transaction() as connection:
        await connection.run_sync(THINGS.create)
        await connection.execute(THINGS.insert(), ROWS)
    yield database


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(WISHES)
async def test_a_filter_chooses_what_a_look_at_each_row_would(things: Database, wish: Wish) -> None:
    filter = filters.parse_filter(wish.written, FIELDS)
    async with things.transaction() as connection:
        chosen = await connection.scalars(select(THINGS.c.id).where(where(filter, _column)).order_by(THINGS.c.id))
        assert list(chosen) == [row["id"] for row in ROWS if wish.holds(row)]


async def test_what_has_no_value_is_in_the_opposite_of_every_condition_on_it(things: Database) -> None:
    for written in ('end_time > "2026-01-01T00:00:00Z"', "category = AWAY", "size <= 3"):
        filter = filters.parse_filter(written, FIELDS)
        async with things.transaction() as connection:
            holds: ColumnElement[bool] = where(filter, _column)
            answers = list(await connection.scalars(select(holds.cast(Boolean)).select_from(THINGS)))
        assert set(answers) == {True, False}, written
