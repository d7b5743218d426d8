"""A row has one digest however it is written, and one owner."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.checker.checksum import Row, checksum_of
from tests.checker.manifest import by_ids


def test_a_checksum_does_not_depend_on_order_or_on_how_types_are_written() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    written: list[Row] = [{"id": 1, "at": moment.isoformat(), "value": 2}, {"id": 2, "inner": {"x": [1.0]}}]
    stored: list[Row] = [
        {"value": None, "id": 2, "inner": {"x": [1], "y": None}},
        {"value": 2.0, "at": moment, "id": 1},
    ]
    assert checksum_of(written) == checksum_of(stored)


@pytest.mark.parametrize(("id", "owner"), [(0, "a"), (9, "a"), (10, None), (20, "b"), (25, None), (-1, None)])
def test_a_row_is_told_by_the_range_of_its_id(id: int, owner: str | None) -> None:
    owner_of = by_ids({"b": range(20, 25), "a": range(10), "empty": range(0)})
    assert owner_of({"id": id}) == owner
