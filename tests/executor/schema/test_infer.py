"""Guessing columns: in order, exact in name, and never of a type that loses a value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.lease import UnknownField
from executor.schema.infer import infer, unknown_fields
from executor.schema.words import Column


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2], "bigint"),
        ([2**63 - 1, -(2**63)], "bigint"),
        ([2**63], "string"),
        ([1.5], "double"),
        ([1, 1.5], "double"),
        ([2**53 + 1, 1.5], "string"),
        ([float("inf")], "string"),
        ([True, None], "boolean"),
        ([True, 1], "string"),
        (["x", 1], "string"),
        ([None], "string"),
        ([[]], "array<string>"),
        ([[1], [2.5]], "array<double>"),
        ([[[1]]], "array<array<bigint>>"),
        ([[1], 1], "string"),
        ([{}], "string"),
        ([{"a": 1}, {"b": "x"}], "struct<`a`: bigint, `b`: string>"),
        ([{"a b`c": {"d": [True]}}], "struct<`a b``c`: struct<`d`: array<boolean>>>"),
        ([{"a": 1}, [1]], "string"),
    ],
)
def test_the_type_of_a_column_holds_all_its_values(values: list[object], expected: str) -> None:
    assert infer([{"x": value} for value in values]) == (Column(name="x", type=expected),)


def test_columns_come_in_the_order_of_their_first_appearance() -> None:
    columns = infer([{"b": 1}, {"c": 1, "a": 1}])
    assert [column.name for column in columns] == ["b", "c", "a"]


def test_of_two_spellings_the_first_is_kept_and_the_other_reported() -> None:
    records = [{"Id": 1, "id": 2}, {"id": 3}]
    columns = infer(records)
    assert columns == (Column(name="Id", type="bigint"),)
    assert unknown_fields(records, columns) == (UnknownField(path="id", record_count=2),)


def test_nothing_is_inferred_from_nothing() -> None:
    assert infer([]) == infer([{}]) == ()


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.text(), _VALUES)))
def test_every_field_is_a_column_or_reported(records: list[dict[str, object]]) -> None:
    columns = infer(records)
    reported = {field.path for field in unknown_fields(records, columns)}
    assert {column.name for column in columns} | reported == {name for record in records for name in record}
