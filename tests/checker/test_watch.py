"""What was visible and is not any more is found; what only moved is not."""

from __future__ import annotations

from dataclasses import replace

from tests.checker.agreement import TABLE, digests_of, rows_of
from tests.checker.findings import Invariant
from tests.checker.table import Rows
from tests.checker.watch import vanished


def test_a_head_that_is_no_ancestor_any_more_is_found() -> None:
    rolled_back = replace(TABLE, chain=TABLE.chain[2:])
    assert [finding.ids for finding in vanished(TABLE, rolled_back)] == [("4", "2")]


def test_rows_that_vanish_are_found() -> None:
    shorter = replace(TABLE, live=TABLE.live[1:])
    (finding,) = vanished(TABLE, shorter)
    assert (finding.invariant, finding.ids) == (Invariant.ROWS_STAY, ("a",))


def test_rows_that_a_compaction_moved_have_not_vanished() -> None:
    compacted = replace(TABLE, live=("4.parquet", "3.parquet"), rows={**TABLE.rows, "4.parquet": everything_of_ours()})
    assert list(vanished(TABLE, compacted)) == []


def everything_of_ours() -> Rows:
    return digests_of([*rows_of("a"), *rows_of("b"), *rows_of("new", 4)])
