"""What executors and control planes say to each other: who holds which lease, who lost one, and when another had it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from autoloader.v1 import leases_pb2 as pb

from tests.checker.wire import Wire


@dataclass(slots=True)
class Calls:
    """Notes of the LeaseService. `files` are the names of each lease's files; attempts and leases go by their ids.

    A holder is struck when it is killed, paused or cut off. Its lease is recovered when the next one acquires it, or
    when it ends.
    """

    wire: Wire = field(default_factory=Wire)
    files: dict[str, tuple[str, ...]] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    published: set[str] = field(default_factory=set)
    fenced_attempts: set[str] = field(default_factory=set)
    taken_over: set[tuple[str, int]] = field(default_factory=set)
    recovery_seconds: list[float] = field(default_factory=list)
    _held: dict[str, tuple[str, str]] = field(default_factory=dict)
    _tables: dict[str, str] = field(default_factory=dict)
    _struck: dict[str, float] = field(default_factory=dict)

    def sent(self) -> int:
        return self.wire.sent()

    def holds(self, executor: str) -> bool:
        return any(holder == executor for holder, _ in self._held.values())

    def staged_by(self, executor: str) -> str:
        """The last part of the table's name of a lease that it holds and has staged; empty when there is none."""
        return next(
            (self._tables.get(lease, "") for lease, (holder, _) in self._held.items() if holder == executor), ""
        )

    def struck(self, executor: str) -> None:
        for lease, (holder, _) in self._held.items():
            if holder == executor:
                self._struck.setdefault(lease, time.monotonic())

    def fenced(self, method: str, request: bytes) -> None:
        """Notes a call whose lease had moved on."""
        asked = _request(method, request)
        attempt = getattr(asked, "attempt", "") or f"{asked.lease} {asked.fence}"
        self._lost(asked.lease, attempt)

    def answered(self, executor: str, method: str, request: bytes, reply: bytes, *, sent: int) -> None:
        """Notes what became of a call."""
        self.wire.answered(method, request, reply, sent=sent)
        asked = _request(method, request)
        match asked:
            case pb.AcquireLeaseRequest():
                self._granted(executor, pb.AcquireLeaseResponse.FromString(reply).lease)
            case pb.RenewLeaseRequest():
                directive = pb.RenewLeaseResponse.FromString(reply).directive
                if directive == pb.RenewLeaseResponse.DIRECTIVE_CONTINUE:
                    self.begun.add(asked.attempt)
                else:
                    self._lost(asked.lease, asked.attempt)
            case pb.StageLeaseRequest():
                if pb.StageLeaseResponse.FromString(reply).decision == pb.StageLeaseResponse.DECISION_FENCED:
                    self._lost(asked.lease, asked.attempt)
                elif asked.staged.staged_snapshot_id:
                    self._tables[asked.lease] = asked.staged.table.rpartition(".")[2]
            case pb.CompleteLeaseRequest():
                self.published.add(asked.lease)
                self._ended(asked.lease)
            case pb.FailLeaseRequest() | pb.ReleaseLeaseRequest():
                self._ended(asked.lease)

    def _granted(self, executor: str, lease: pb.Lease) -> None:
        if not lease.id or self._held.get(lease.id, ("", ""))[1] == lease.attempt:
            return
        if lease.id in self._struck:
            self.taken_over.add((lease.id, lease.fence))
        self._ended(lease.id)
        self._held[lease.id] = executor, lease.attempt
        if lease.HasField("load"):
            self.files[lease.id] = tuple(file.uri.rpartition("/")[2] for file in lease.load.files)

    def _ended(self, lease: str) -> None:
        self._held.pop(lease, None)
        if (struck_at := self._struck.pop(lease, None)) is not None:
            self.recovery_seconds.append(time.monotonic() - struck_at)

    def _lost(self, lease: str, attempt: str) -> None:
        """The attempt is over; the lease goes on, in other hands or in none."""
        self.fenced_attempts.add(attempt)
        if self._held.get(lease, ("", ""))[1] == attempt:
            del self._held[lease]


def _request(method: str, request: bytes) -> Any:
    kind: Any = getattr(pb, f"{method.rpartition('/')[2]}Request")
    return kind.FromString(request)
