"""What the wire says of columns that change, in the executor's words and back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from autoloader.v1 import ingestions_pb2, leases_pb2, schema_changes_pb2

from executor.errors import AttemptFailed
from executor.schema.words import Change, ChangeKind, Column, OnSchemaChange, SchemaCheck, SchemaTerms
from executor.terms import HELD_BYTES_MAX, HELD_CHANGES_MAX, HELD_FILES_MAX, held_messages, shown_messages, terms_from

REGION = Change(kind=ChangeKind.ADDED, path="region", new_type="string")
POLICY = ingestions_pb2.SchemaPolicy


def test_the_terms_of_a_lease_are_read() -> None:
    message = leases_pb2.LoadWork(
        schema_version=3,
        on_schema_change=POLICY.ON_SCHEMA_CHANGE_FAIL,
        schema_check=POLICY.SCHEMA_CHECK_OFF,
        hints=[ingestions_pb2.Column(name="at", type="timestamp")],
        fixed_columns=["at"],
        ignored_fields=["zip"],
    )
    assert terms_from(message) == SchemaTerms(
        version=3,
        on_schema_change=OnSchemaChange.FAIL,
        check=SchemaCheck.OFF,
        hints=(Column(name="at", type="timestamp"),),
        fixed_columns=("at",),
        ignored_fields=("zip",),
    )


@pytest.mark.parametrize("policy", OnSchemaChange)
def test_each_policy_has_a_word(policy: OnSchemaChange) -> None:
    number = POLICY.OnSchemaChange.Value(f"ON_SCHEMA_CHANGE_{policy.value}")
    assert terms_from(leases_pb2.LoadWork(on_schema_change=number)).on_schema_change is policy


@pytest.mark.parametrize("check", SchemaCheck)
def test_each_check_has_a_word(check: SchemaCheck) -> None:
    number = POLICY.SchemaCheck.Value(f"SCHEMA_CHECK_{check.value}")
    assert terms_from(leases_pb2.LoadWork(schema_check=number)).check is check


def test_a_control_plane_without_terms_has_new_fields_left_out_as_ever() -> None:
    assert terms_from(leases_pb2.LoadWork()) == SchemaTerms()


def test_a_policy_that_only_a_newer_control_plane_knows_is_not_guessed() -> None:
    message = leases_pb2.LoadWork.FromString(leases_pb2.LoadWork(on_schema_change=9).SerializeToString())  # type: ignore[arg-type]
    with pytest.raises(AttemptFailed, match="OnSchemaChange"):
        terms_from(message)


def test_changes_are_told_with_their_files() -> None:
    (held,) = held_messages({REGION: [0, 2]})
    assert held.change == schema_changes_pb2.SchemaChange(
        kind=schema_changes_pb2.SchemaChange.KIND_ADDED, path="region", new_type="string"
    )
    assert list(held.files) == [0, 2]
    (shown,) = shown_messages({REGION: 1})
    assert (shown.change.path, list(shown.files)) == ("region", [1])


def test_no_more_is_told_than_a_message_takes() -> None:
    many = {Change(kind=ChangeKind.ADDED, path=f"c{number}", new_type="int"): [0] for number in range(1_500)}
    assert len(held_messages(many)) == HELD_CHANGES_MAX
    long = {replace(change, new_type=f"struct<{'a' * 15_000}:int>"): [0] for change in many}
    assert sum(each.ByteSize() for each in held_messages(long)) <= HELD_BYTES_MAX
    wide = {change: list(range(5_000)) for change in list(many)[:100]}
    assert sum(len(each.files) for each in held_messages(wide)) == HELD_FILES_MAX
