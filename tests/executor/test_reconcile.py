"""Reconciling: what is in the table is told to the ledger, and what cannot be told is named to a person."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from executor.history import History
from executor.ledger import LeaseState, LedgerLease
from executor.manifests import Marker
from executor.reconcile import Plan, Scene, not_loaded_since, plan
from executor.remains import Left
from tests.executor.history import a_history, a_ledger_lease, a_manifest_of, an_append, lease_name

MAIN = a_history([an_append(1, rows=0), an_append(2, lease=2), an_append(3, lease=3)], head=3)
# Its history began before, and expired.
SHORT_MAIN = a_history([an_append(8, lease=8), an_append(9, lease=9)], head=9)
KNOWN_8_AND_9 = [a_ledger_lease(8, snapshot=8), a_ledger_lease(9, snapshot=9)]


def planned(
    *,
    main: History = MAIN,
    known: Collection[LedgerLease] = (),
    left: Mapping[int, Left] | None = None,
    owners: Mapping[int, str] | None = None,
    accepted: Collection[int] = (),
) -> Plan:
    return plan(
        Scene(
            ingestion="orders",
            table="shop.orders",
            main=main,
            known={lease.id: lease for lease in known},
            left={lease_name(lease): what for lease, what in (left or {}).items()},
            owners={lease_name(lease): owner for lease, owner in (owners or {}).items()},
            accepted={lease_name(lease) for lease in accepted},
        )
    )


def left_by(lease: int, *snapshots: int, marked: tuple[int, int] | None = None) -> Left:
    marker = Marker(staged_snapshot_id=marked[0], published_snapshot_id=marked[1]) if marked else None
    return Left(tuple(a_manifest_of(lease, snapshot=snapshot) for snapshot in snapshots), marker)


def names(found: Plan) -> list[str]:
    return [lease.id for lease in found.forgotten]


def test_what_main_has_and_the_ledger_does_not_know_is_told_oldest_first() -> None:
    found = planned(left={3: left_by(3, 3), 2: left_by(2, 2)})
    assert names(found) == [lease_name(2), lease_name(3)]
    assert [lease.published_snapshot_id for lease in found.forgotten] == [2, 3]
    assert found.forgotten[0].files == a_manifest_of(2, snapshot=2).files
    assert (found.left_open, found.undecided) == ([], [])


def test_of_two_attempts_the_one_in_main_is_told() -> None:
    picked = replace(an_append(3), summary={"source-snapshot-id": "33", "published-wap-id": lease_name(3)})
    main = a_history([an_append(1, rows=0), an_append(2, lease=2), picked], head=3)
    found = planned(main=main, known=[a_ledger_lease(2, snapshot=2)], left={3: left_by(3, 31, 33)})
    assert [(lease.attempt, lease.published_snapshot_id) for lease in found.forgotten] == [("attempt-3-33", 3)]


def test_what_the_ledger_knows_as_published_or_staged_is_left_alone() -> None:
    known = [a_ledger_lease(2, snapshot=2), a_ledger_lease(3, snapshot=3, state=LeaseState.STAGED)]
    assert planned(known=known, left={2: left_by(2, 2), 3: left_by(3, 3)}) == Plan()


def test_a_lease_in_doubt_that_is_in_main_is_for_a_person_to_resolve() -> None:
    known = [a_ledger_lease(2, snapshot=2), a_ledger_lease(3, snapshot=3, state=LeaseState.IN_DOUBT)]
    found = planned(known=known, left={3: left_by(3, 3)})
    assert found.forgotten == []
    assert f"resolve ingestions/orders/runs/7 {lease_name(3)} published --snapshot-id 3" in found.left_open[0]


def test_an_attempt_that_was_never_published_is_forgotten_for_good() -> None:
    known = [a_ledger_lease(2, snapshot=2), a_ledger_lease(3, snapshot=3)]
    undecided = Left((replace(a_manifest_of(5, snapshot=55), staged=replace(a_manifest_of(5, snapshot=3).staged)),))
    assert planned(known=known, left={4: left_by(4, 44)}) == Plan()
    assert planned(known=known, left={5: undecided}).forgotten == []


def test_without_a_manifest_a_lease_in_main_waits_for_a_person_s_word() -> None:
    known = [a_ledger_lease(2, snapshot=2)]
    found = planned(known=known)
    assert found.forgotten == []
    assert "snapshot 3 of 1970-01-01T00:00:03+00:00 with 10 rows" in found.left_open[0]
    assert f"--accept {lease_name(3)}" in found.left_open[0]
    accepted = planned(known=known, accepted=[3])
    (lease,) = accepted.forgotten
    assert (lease.id, lease.files, lease.attempt, lease.staged.records_added) == (lease_name(3), (), "", 10)
    assert accepted.left_open == []


def test_a_mark_tells_of_a_publication_that_main_s_history_has_lost() -> None:
    found = planned(main=SHORT_MAIN, known=KNOWN_8_AND_9, left={4: left_by(4, 40, 41, marked=(41, 42))})
    assert [(lease.attempt, lease.published_snapshot_id) for lease in found.forgotten] == [("attempt-4-41", 42)]


def test_a_mark_of_a_former_table_tells_nothing_of_this_one() -> None:
    former = Left(
        (a_manifest_of(4, snapshot=41, table_id="former"),), Marker(staged_snapshot_id=41, published_snapshot_id=42)
    )
    assert planned(main=SHORT_MAIN, known=KNOWN_8_AND_9, left={4: former}) == Plan()


def test_a_mark_whose_manifest_is_gone_is_named() -> None:
    found = planned(main=SHORT_MAIN, known=KNOWN_8_AND_9, left={4: left_by(4, marked=(41, 42))})
    assert found.forgotten == [] and "published as snapshot 42" in found.left_open[0]


def test_where_neither_main_nor_a_mark_tells_it_is_left_undecided_until_it_is_accepted() -> None:
    left = {4: left_by(4, 4)}
    found = planned(main=SHORT_MAIN, known=KNOWN_8_AND_9, left=left)
    assert found.forgotten == []
    assert [manifest.lease_id for manifest in found.undecided] == [lease_name(4)]
    assert names(planned(main=SHORT_MAIN, known=KNOWN_8_AND_9, left=left, accepted=[4])) == [lease_name(4)]


def test_what_another_lease_loaded_since_is_no_longer_undecided() -> None:
    vain, repeated = a_manifest_of(4, snapshot=4, file="same"), a_manifest_of(5, snapshot=5, file="same")
    assert not_loaded_since([vain], [repeated]) == []
    assert not_loaded_since([vain], [a_manifest_of(6, snapshot=6)]) == [vain]


def test_rows_that_somebody_removed_from_main_are_named() -> None:
    main = a_history([an_append(1, rows=0), an_append(2, lease=2)], head=2, others=[an_append(3, lease=3)])
    known = [a_ledger_lease(2, snapshot=2)]
    found = planned(main=main, known=known, left={3: left_by(3, 3)})
    assert found.forgotten == [] and "somebody removed" in found.left_open[0]
    assert names(planned(main=main, known=known, left={3: left_by(3, 3)}, accepted=[3])) == [lease_name(3)]


def test_leases_of_another_ingestion_are_for_its_own_reconciliation() -> None:
    found = planned(known=[a_ledger_lease(2, snapshot=2)], owners={3: "returns"})
    assert found.forgotten == []
    assert found.left_open == ["1 lease of ingestion returns is in the table too: autoloader reconcile returns"]


def test_a_word_about_a_lease_that_nobody_knows_is_not_taken() -> None:
    known = [a_ledger_lease(2, snapshot=2), a_ledger_lease(3, snapshot=3)]
    found = planned(known=known, accepted=[77])
    assert found.forgotten == [] and "nothing is known of it" in found.left_open[0]
