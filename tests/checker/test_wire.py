"""Fences that do not grow, and second holders, are found among the calls of the LeaseService."""

from __future__ import annotations

import pytest
from autoloader.v1 import leases_pb2

from tests.checker.checker import assert_no_findings
from tests.checker.findings import Invariant
from tests.checker.wire import Wire


def grant(wire: Wire, fence: int, *, attempt: str = "", sent: int | None = None) -> None:
    lease = leases_pb2.Lease(id="l", fence=fence, attempt=attempt or f"attempt-{fence}")
    reply = leases_pb2.AcquireLeaseResponse(lease=lease).SerializeToString()
    wire.answered("/autoloader.v1.LeaseService/AcquireLease", b"", reply, sent=wire.sent() if sent is None else sent)


def renew(wire: Wire, fence: int, *, sent: int | None = None) -> None:
    request = leases_pb2.RenewLeaseRequest(lease="l", fence=fence, attempt=f"attempt-{fence}").SerializeToString()
    reply = leases_pb2.RenewLeaseResponse(directive=leases_pb2.RenewLeaseResponse.DIRECTIVE_CONTINUE)
    moment = wire.sent() if sent is None else sent
    wire.answered("/autoloader.v1.LeaseService/RenewLease", request, reply.SerializeToString(), sent=moment)


def test_a_wire_without_faults_has_no_findings() -> None:
    wire = Wire()
    grant(wire, 1)
    grant(wire, 1)
    late = wire.sent()
    grant(wire, 2)
    renew(wire, 1, sent=late)
    renew(wire, 2)
    assert_no_findings(wire.findings())


@pytest.mark.parametrize(("fence", "attempt"), [(1, ""), (2, "another")], ids=["smaller", "given twice"])
def test_a_fence_that_did_not_grow_is_found(fence: int, attempt: str) -> None:
    wire = Wire()
    grant(wire, 2)
    grant(wire, fence, attempt=attempt)
    assert [finding.invariant for finding in wire.findings()] == [Invariant.FENCES_GROW]


def test_a_second_live_holder_is_found() -> None:
    wire = Wire()
    grant(wire, 1)
    grant(wire, 2)
    renew(wire, 1)
    assert [finding.ids for finding in wire.findings()] == [("l", "attempt-1", "attempt-2")]
