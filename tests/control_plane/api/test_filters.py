"""Filters: what is read, and what is refused by name."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.api import filters
from control_plane.domain.filter import Condition
from control_plane.errors import InvalidField

FIELDS = {
    "state": filters.one_of("ACTIVE", "PAUSED"),
    "uri": filters.text(),
    "size": filters.integer(),
    "time": filters.time(),
    "labels.*": filters.text(),
}


def parse(filter: str) -> list[Condition]:
    return list(filters.parse_filter(filter, FIELDS))


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
    ],
)
def test_a_condition_is_read(filter: str, field: str, operator: str, value: object) -> None:
    assert parse(f"  {filter}  ") == [Condition(field, operator, value)]  # type: ignore[arg-type]


def test_conditions_are_joined_by_and() -> None:
    assert [each.field for each in parse("state=ACTIVE AND size>1 AND size<5")] == ["state", "size", "size"]
    assert parse("") == parse("  ") == []


@pytest.mark.parametrize(
    ("filter", "told"),
    [
        ("colour = red", "the field `colour` is unknown; known are state, uri, size, time, labels.KEY"),
        ("labels = a", "the field `labels` is unknown"),
        ("state = ACTIVE OR state = PAUSED", "has `OR` where AND belongs; supported are"),
        ("NOT state = ACTIVE", "`NOT` is not supported"),
        ("-state = ACTIVE", "`-state` is not supported"),
        ("size <= 5", "the operator `<=` is not supported; supported are =, !=, < and >"),
        ("uri:a", "the operator `:` is not supported"),
        ("state = ACTIVE and size = 1", "has `and` where AND belongs"),
        ("(state = ACTIVE)", "has `(state = ACTIVE)` where a field belongs"),
        ("state = ACTIVE size = 1", "has `size` where AND belongs"),
        ("state = ACTIVE AND", "ends after AND"),
        ("state", "`state` is followed by no operator"),
        ("state =", "`state =` is followed by no value"),
        ("state = GONE", "which is none of ACTIVE, PAUSED"),
        ("state < PAUSED", "`state` cannot be compared by `<`"),
        ("size = 1.5", "is no whole number"),
        ("size = 9223372036854775808", "is no whole number"),
        ("time > yesterday", "write it as 2026-01-31T00:00:00Z"),
        ("time > 2026-01-31T00:00:00", "is no time"),
        ("time > 2026-01-31", "is no time"),
        ("time > 0001-01-01T00:00:00+14:00", "is no time"),
        ('uri = "open', "is followed by no value"),
        ("uri = a\0", "has a NUL"),
        ("uri = " + "a" * 4000, "more than 4000 characters"),
        (" AND ".join(["size = 1"] * 51), "has 51 conditions"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(filter: str, told: str) -> None:
    assert told in refusal(filter)


@given(st.text(max_size=60) | st.from_regex(r'(state|uri|labels\.a) ?(=|!=|<) ?("[^"]*"|\w+) ?(AND)? ?.{0,9}'))
def test_any_text_is_read_or_refused(filter: str) -> None:
    try:
        parse(filter)
    except InvalidField as error:
        assert error.violations


@given(st.text().filter(lambda text: "\0" not in text))
def test_any_text_can_be_compared_with_when_quoted(value: str) -> None:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    assert parse(f'uri = "{escaped}"') == [Condition("uri", "=", value)]
