"""Watches the calls of the LeaseService, where alone fences can be seen from outside.

Neither the API for users nor a log tells a fence. Whoever stands on the wire (see the interposer of the faults) notes
each call when it is sent and when it is answered.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations

from autoloader.v1 import leases_pb2 as pb

from tests.checker.findings import Finding, Invariant


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A lease was handed out; the call was sent and answered at these moments of one clock, as counted by the wire."""

    lease: str
    fence: int
    attempt: str
    sent: int
    answered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """A holder was told to go on."""

    lease: str
    fence: int
    attempt: str
    sent: int


@dataclass(slots=True)
class Wire:
    """What was seen. Calls overlap, so order is claimed only between an answer and what was sent after it."""

    grants: list[Grant] = field(default_factory=list)
    renewals: list[Renewal] = field(default_factory=list)
    _moment: int = 0

    def sent(self) -> int:
        """The moment at which a call is handed on."""
        self._moment += 1
        return self._moment

    def answered(self, method: str, request: bytes, reply: bytes, *, sent: int) -> None:
        """Notes the reply to a call; methods that say nothing of a holder pass."""
        self._moment += 1
        match method.rpartition("/")[2]:
            case "AcquireLease":
                self._granted(pb.AcquireLeaseResponse.FromString(reply), sent=sent)
            case "RenewLease":
                self._renewed(
                    pb.RenewLeaseRequest.FromString(request), pb.RenewLeaseResponse.FromString(reply), sent=sent
                )

    def forget(self) -> None:
        """Begins anew."""
        self.grants.clear()
        self.renewals.clear()

    def findings(self) -> list[Finding]:
        return [*fences_that_shrank(self.grants), *holders_besides(self.grants, self.renewals)]

    def _granted(self, reply: pb.AcquireLeaseResponse, *, sent: int) -> None:
        lease = reply.lease
        if reply.HasField("lease"):
            self.grants.append(
                Grant(lease=lease.id, fence=lease.fence, attempt=lease.attempt, sent=sent, answered=self._moment)
            )

    def _renewed(self, asked: pb.RenewLeaseRequest, reply: pb.RenewLeaseResponse, *, sent: int) -> None:
        if reply.directive == pb.RenewLeaseResponse.DIRECTIVE_CONTINUE:
            self.renewals.append(Renewal(lease=asked.lease, fence=asked.fence, attempt=asked.attempt, sent=sent))


def fences_that_shrank(grants: Iterable[Grant]) -> list[Finding]:
    """Grants under a fence below that of a grant answered before they were asked for, and two under one fence."""
    return [
        Finding(
            Invariant.FENCES_GROW,
            f"lease {later.lease} was handed out under fence {later.fence} after fence {earlier.fence}",
            (later.lease, earlier.attempt, later.attempt),
        )
        for of_one_lease in _by_lease(grants).values()
        for earlier, later in combinations(sorted(of_one_lease, key=lambda grant: grant.answered), 2)
        if (later.fence < earlier.fence and earlier.answered < later.sent)
        or (later.fence == earlier.fence and later.attempt != earlier.attempt)
    ]


def holders_besides(grants: Iterable[Grant], renewals: Iterable[Renewal]) -> list[Finding]:
    """Holders that were told to go on, though they asked only after a successor had the lease."""
    granted = _by_lease(grants)
    return [
        Finding(
            Invariant.FENCES_GROW,
            f"the holder of lease {renewal.lease} under fence {renewal.fence} was told to go on while another held it "
            f"under fence {grant.fence}",
            (renewal.lease, renewal.attempt, grant.attempt),
        )
        for renewal in renewals
        for grant in granted.get(renewal.lease, ())
        if grant.answered < renewal.sent and grant.fence > renewal.fence
    ]


def _by_lease(grants: Iterable[Grant]) -> dict[str, list[Grant]]:
    found: dict[str, list[Grant]] = {}
    for grant in grants:
        found.setdefault(grant.lease, []).append(grant)
    return found
