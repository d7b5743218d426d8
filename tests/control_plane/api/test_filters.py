"""Filters: what is read, and what is refused by name."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.api import filters
from control_plane.domain.filter import EVERYTHING, All, AnyOf, Condition, Filter, Not
from control_plane.errors import InvalidField

FIELDS = {
    "state": filters.one_of("ACTIVE", "PAUSED"),
    "uri": filters.text(),
    "size": filters.integer(),
    "time": filters.time(),
    "labels": filters.keys(),
    "labels.*": filters.text(),
}
A, B, C, D = (Condition("size", "=", number) for number in range(4))


def parse(filter: str) -> Filter:
    return filters.parse_filter(filter, FIELDS)


def refusal(filter: str) -> str:
    with pytest.raises(InvalidField) as caught:
        parse(filter)
    (violation,) = caught.value.violations
    assert violation.field == "filter"
    return violation.description


@pytest.mark.parametrize(
    ("filter", "field", "operator", "value"),
    [
        ("state = ACTIVE", "state", "=", "ACTIVE"),
        ("state!=PAUSED", "state", "!=", "PAUSED"),
        ('uri = "a AND b = \\"c\\" \\\\"', "uri", "=", 'a AND b = "c" \\'),
        ("uri = 'a b'", "uri", "=", "a b"),
        ("uri = s3://bucket/a=b.json", "uri", "=", "s3://bucket/a=b.json"),
        ('uri = ""', "uri", "=", ""),
        ("size > -5", "size", ">", -5),
        ("size<9223372036854775807", "size", "<", 2**63 - 1),
        ("time > 2026-01-31T12:00:00.5+01:00", "time", ">", datetime(2026, 1, 31, 11, 0, 0, 500_000, UTC)),
        ('time < "2026-01-31T12:00:00Z"', "time", "<", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("labels.team = a", "labels.team", "=", "a"),
        ('labels."my team" = a', "labels.my team", "=", "a"),
        ("labels.a.b-c/d = a", "labels.a.b-c/d", "=", "a"),
        ("size>=5", "size", ">=", 5),
        ("uri:2026", "uri", ":", "2026"),
        ('uri : "a*b"', "uri", ":", "a*b"),
        ('uri:"*"', "uri", ":", "*"),
        ("uri:*", "uri", "!=", ""),
        ("labels:team", "labels", ":", "team"),
        ("labels.team:a", "labels.team", ":", "a"),
        ("labels.team:*", "labels", ":", "team"),
        ("uri = NOT", "uri", "=", "NOT"),
    ],
)
def test_a_condition_is_read(filter: str, field: str, operator: str, value: object) -> None:
    assert parse(f"  {filter}  ") == Condition(field, operator, value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("filter", "tree"),
    [
        ("", EVERYTHING),
        ("  ", EVERYTHING),
        ("size=0 AND size=1 AND size=2", All((A, B, C))),
        ("size=0 OR size=1", AnyOf((A, B))),
        ("size=0 AND size=1 OR size=2 AND size=3", All((A, AnyOf((B, C)), D))),
        ("(size=0 AND size=1) OR size=2", AnyOf((All((A, B)), C))),
        ("NOT size=0", Not(A)),
        ("-size=0 OR NOT size=1", AnyOf((Not(A), Not(B)))),
        ("NOT (size=0 OR size=1) AND -(size=2)", All((Not(AnyOf((A, B))), Not(C)))),
        ("NOT(size=0)AND(size=1)", All((Not(A), B))),
        ("((size=0))", A),
    ],
)
def test_conditions_are_joined_as_aip_160_says(filter: str, tree: Filter) -> None:
    assert parse(filter) == tree


@pytest.mark.parametrize(
    ("filter", "told"),
    [
        ("colour = red", "the field `colour` is unknown; known are state, uri, size, time, labels, labels.KEY"),
        ("state = ACTIVE and size = 1", "has `and size = 1` where AND or OR belongs; supported are"),
        ("state = ACTIVE size = 1", "has `size = 1` where AND or OR belongs"),
        ("state = ACTIVE AND", "ends after `AND`, where a condition belongs"),
        ("NOT", "ends after `NOT`"),
        ("size = 1 OR -", "ends after `-`"),
        ("NOT NOT size = 1", "has `NOT` where a field belongs"),
        ("size = 1 AND OR size = 2", "has `OR` where a field belongs"),
        ("(size = 1", "ends where `)`, AND or OR belongs"),
        ("(size = 1 size = 2)", "has `size = 2)` where `)`, AND or OR belongs"),
        ("size = 1)", "has `)` without a `(` before it"),
        ("()", "has `)` where a field belongs"),
        (
            "size == 1",
            "the operator `==` is not supported; supported are =, !=, <, <=, >, >= and :, joined by AND and OR",
        ),
        ("size:5", "`size` cannot be compared by `:`; use = or != or < or <= or > or >="),
        ("time:2026-01-31T00:00:00Z", "`time` cannot be compared by `:`"),
        ("state:ACT", "`state` cannot be compared by `:`; use = or !="),
        ("state < PAUSED", "`state` cannot be compared by `<`; use = or !="),
        ("uri >= a", "`uri` cannot be compared by `>=`; use = or != or :"),
        ("labels = team", "`labels` cannot be compared by `=`; use :"),
        ("state", "`state` is followed by no operator"),
        ("state =", "`state =` is followed by no value"),
        ("state = GONE", "which is none of ACTIVE, PAUSED"),
        ("size = 1.5", "is no whole number"),
        ("size = 9223372036854775808", "is no whole number"),
        ("time > yesterday", "write it as 2026-01-31T00:00:00Z"),
        ("time > 2026-01-31T00:00:00", "is no time"),
        ("time > 2026-01-31", "is no time"),
        ("time > 0001-01-01T00:00:00+14:00", "is no time"),
        ('uri = "open', "is followed by no value"),
        ("uri = a\0", "has a NUL"),
        ("uri = " + "a" * 4000, "more than 4000 characters"),
        (" AND ".join(["size = 1"] * 51), "has more than 50 conditions"),
        ("(" * 11 + "size = 1" + ")" * 11, "has more than 10 parentheses within each other"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(filter: str, told: str) -> None:
    assert told in refusal(filter)


@given(
    st.text(max_size=60)
    | st.from_regex(r'(NOT |-)?\(?(state|uri|labels\.a) ?(=|!=|<|:) ?("[^"]*"|\w+)\)? ?(AND|OR)? ?.{0,9}')
)
def test_any_text_is_read_or_refused(filter: str) -> None:
    try:
        parse(filter)
    except InvalidField as error:
        assert error.violations


@given(st.text().filter(lambda text: "\0" not in text))
def test_any_text_can_be_compared_with_when_quoted(value: str) -> None:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    assert parse(f'uri = "{escaped}"') == Condition("uri", "=", value)
