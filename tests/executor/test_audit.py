"""The audit: each kind of difference is found and named, and what is none is not."""

from __future__ import annotations

from executor.audit import Audit, audit
from executor.history import History
from executor.ledger import LeaseState, LedgerLease
from tests.executor.history import a_history, a_ledger_lease, an_append, lease_name

MAIN = a_history([an_append(1, rows=0), an_append(2, lease=2), an_append(3, lease=3)], head=3)


def compared(*leases: LedgerLease, main: History | None = MAIN) -> Audit:
    return audit(leases, ingestion="orders", table="shop.orders", earlier=main, later=main)


def only_difference(found: Audit) -> str:
    (difference,) = found.differences
    return difference


def test_a_table_as_the_ledger_has_it_has_no_difference() -> None:
    found = compared(a_ledger_lease(2, snapshot=2), a_ledger_lease(3, snapshot=3), a_ledger_lease(9, snapshot=0))
    assert found.differences == ()


def test_rows_that_were_rolled_back_are_gone() -> None:
    main = a_history([an_append(1, rows=0), an_append(2, lease=2)], head=2, others=[an_append(3, lease=3)])
    found = only_difference(compared(a_ledger_lease(2, snapshot=2), a_ledger_lease(3, snapshot=3, files=4), main=main))
    assert lease_name(3) in found and "snapshot 3 is not in main" in found and "the 10 rows of 4 files" in found


def test_a_lease_that_the_ledger_does_not_know_is_named_with_its_snapshot_and_the_remedy() -> None:
    found = only_difference(compared(a_ledger_lease(2, snapshot=2)))
    assert lease_name(3) in found and "snapshot 3 of 1970-01-01T00:00:03+00:00 with 10 rows" in found
    assert "autoloader reconcile orders" in found


def test_a_staged_lease_may_be_in_main_already() -> None:
    found = compared(a_ledger_lease(2, snapshot=2), a_ledger_lease(3, snapshot=3, state=LeaseState.STAGED))
    assert found.differences == ()
    assert found.notes[0] == "The 10 rows of 1 file are staged and wait to be published."


def test_a_lease_in_main_twice_is_found() -> None:
    main = a_history([an_append(1, lease=2), an_append(2, lease=2)], head=2)
    assert "2 times, by snapshots 2, 1" in only_difference(compared(a_ledger_lease(2, snapshot=2), main=main))


def test_numbers_of_rows_that_do_not_agree_are_found() -> None:
    found = compared(a_ledger_lease(2, snapshot=2, rows=11), a_ledger_lease(3, snapshot=3))
    assert "added 10 rows; the ledger has 11 for the lease and 11 for its files" in only_difference(found)


def test_of_a_lease_without_known_files_the_rows_alone_are_compared() -> None:
    assert compared(a_ledger_lease(2, snapshot=2, files=0), a_ledger_lease(3, snapshot=3)).differences == ()


def test_a_lease_that_main_has_as_another_snapshot_is_not_called_gone() -> None:
    found = only_difference(compared(a_ledger_lease(2, snapshot=77), a_ledger_lease(3, snapshot=3)))
    assert "main has it as snapshot 2" in found and "the ledger as snapshot 77" in found


def test_a_lease_in_doubt_is_named_with_the_remedy() -> None:
    doubted = a_ledger_lease(4, snapshot=4, state=LeaseState.IN_DOUBT)
    found = compared(a_ledger_lease(2, snapshot=2), a_ledger_lease(3, snapshot=3), doubted)
    assert f"autoloader runs resolve ingestions/orders/runs/7 {lease_name(4)}" in only_difference(found)


def test_what_came_before_main_s_memory_is_counted_and_no_difference() -> None:
    main = a_history([an_append(8, lease=8), an_append(9, lease=9)], head=9)
    found = compared(*(a_ledger_lease(number, snapshot=number) for number in (2, 3, 8, 9)), main=main)
    assert found.differences == ()
    assert found.notes == ("The 20 rows of 2 files came before what main still remembers: nothing to compare.",)


def test_a_table_that_is_gone_or_another_one_takes_its_rows_along() -> None:
    assert "is gone, and the 10 rows of 1 file" in only_difference(compared(a_ledger_lease(2, snapshot=2), main=None))
    former = a_ledger_lease(7, snapshot=7, table_id="former")
    found = compared(a_ledger_lease(2, snapshot=2), a_ledger_lease(3, snapshot=3), former)
    assert "dropped and created again" in only_difference(found)
    assert compared(main=None).differences == ()


def test_the_totals_are_told_where_main_has_nothing_but_our_rows() -> None:
    main = a_history([an_append(1, lease=1), an_append(2, lease=2)], head=2)
    leases = a_ledger_lease(1, snapshot=1), a_ledger_lease(2, snapshot=2)
    assert compared(*leases, main=main).notes == ("Main has 20 rows, the ledger 20.",)
    strangers = a_history([an_append(1, lease=1), an_append(2, lease=2), an_append(3)], head=3)
    assert compared(*leases, main=strangers).notes == ()


def test_what_was_published_between_the_looks_is_no_difference() -> None:
    earlier = a_history([an_append(1, rows=0), an_append(2, lease=2)], head=2)
    leases = [a_ledger_lease(2, snapshot=2), a_ledger_lease(3, snapshot=3)]
    found = audit(leases, ingestion="orders", table="shop.orders", earlier=earlier, later=MAIN)
    assert found.differences == ()
    found = audit(leases[:1], ingestion="orders", table="shop.orders", earlier=earlier, later=MAIN)
    assert found.differences == ()
