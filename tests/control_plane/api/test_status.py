"""Statuses: complete where there is room, and never larger than their trailers."""

from __future__ import annotations

import grpc
import pytest
from autoloader.v1 import errors_pb2
from google.rpc import error_details_pb2
from hypothesis import given
from hypothesis import strategies as st

from control_plane import errors
from control_plane.api.status import STATUS_BYTES_MAX, VIOLATIONS_MAX, status, status_of
from control_plane.errors import AutoloaderError, InvalidField, Violation

REASONS = [name.removeprefix("ERROR_REASON_") for name in errors_pb2.ErrorReason.keys()[1:]]
OURS = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, AutoloaderError)]


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_has_a_code_and_one_error_info(reason: str) -> None:
    result = status(reason, "message", {"key": "value"})
    assert result.code not in (grpc.StatusCode.OK.value[0], grpc.StatusCode.UNKNOWN.value[0])
    infos = [each for each in result.details if each.Is(error_details_pb2.ErrorInfo.DESCRIPTOR)]
    assert len(infos) == 1


@pytest.mark.parametrize("kind", OURS)
def test_every_error_of_ours_has_a_reason_of_the_protos(kind: type[AutoloaderError]) -> None:
    assert kind.reason in REASONS


def violations_in(error: InvalidField) -> list[str]:
    request = error_details_pb2.BadRequest()
    for detail in status_of(error).details:
        detail.Unpack(request)
    return [each.field for each in request.field_violations]


def test_violations_are_named_in_order_up_to_twenty() -> None:
    error = InvalidField(*(Violation(f"f{number}", "is wrong") for number in range(30)))
    assert violations_in(error) == [f"f{number}" for number in range(VIOLATIONS_MAX)]
    info = error_details_pb2.ErrorInfo()
    status_of(error).details[0].Unpack(info)
    assert info.metadata["violation_count"] == "30"


@given(
    st.lists(st.builds(Violation, st.text(max_size=1000), st.text(max_size=5000)), min_size=1, max_size=40),
    st.sampled_from(["a", "é", "🙂", "\ud800"]),
)
def test_no_status_outgrows_its_trailers(violations: list[Violation], letter: str) -> None:
    long = Violation(letter * 5000, letter * 50_000)
    for error in (InvalidField(*violations), InvalidField(long, *[long] * 40)):
        result = status_of(error)
        assert result.ByteSize() <= STATUS_BYTES_MAX
        assert violations_in(error)
