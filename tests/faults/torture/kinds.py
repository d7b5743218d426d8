"""The kinds of what happens in a torture: the faults, and the work that they disturb."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.faults.failpoints import points_in
from tests.faults.torture.names import CONTROL_PLANES, EXECUTORS, INGESTIONS, TABLES

LEASE_SECONDS = 3.0
DRAINING = "executor.draining"
# How long a fault lasts, at least and at most. Nothing lasts longer than the longest of them.
LENGTHS = {"for a moment": (0.5, 2.0), "past the lease": (LEASE_SECONDS + 0.5, LEASE_SECONDS + 2)}

_EXECUTOR_POINTS = sorted(set(points_in("executor")) - {DRAINING})
_OPERATIONS = [
    *("AcquireLease", "RenewLease", "StageLease", "CompleteLease", "FailLease"),
    *("RunIngestion", "CancelRun", "RetryFiles", "UpdateIngestion"),
    *("discoverer", "planner", "reaper"),
]
_SLEEP = f"sleep {LEASE_SECONDS + 1.5}"
_CONTROL_PLANE_POINTS = [f"{each}.{side}" for each in _OPERATIONS for side in ("before_commit", "after_commit")]
_MESSAGES = ["AcquireLease", "RenewLease", "StageLease", "CompleteLease"]
# Words of what is committed: an offer, a grant, the decision, an end, files of a listing.
_STATEMENTS = ["INSERT INTO leases", "INSERT INTO attempts", "state = 'STAGED'", "state = 'PUBLISHED'", "INTO files"]


@dataclass(frozen=True, slots=True)
class Fault:
    """`weight` is how often it comes; whom it befalls, in what and how, is chosen among these."""

    weight: int
    who: Sequence[str]
    what: Sequence[str] = ("",)
    how: Sequence[str] = ("",)


# See `faults` for what each does.
FAULTS = {
    "executor fails": Fault(
        30, EXECUTORS, what=_EXECUTOR_POINTS, how=["kill", "raise", f"sleep {LEASE_SECONDS + 1.5}"]
    ),
    "executor killed": Fault(5, EXECUTORS),
    "executor paused": Fault(7, EXECUTORS, how=list(LENGTHS)),
    "executor drained": Fault(4, EXECUTORS, how=["", "kill", "sleep 1"]),
    "executor switched": Fault(4, EXECUTORS),
    "control plane fails": Fault(14, CONTROL_PLANES, what=_CONTROL_PLANE_POINTS, how=["kill", "raise"]),
    "control plane killed": Fault(3, CONTROL_PLANES),
    "control plane paused": Fault(4, CONTROL_PLANES, how=list(LENGTHS)),
    "control plane drained": Fault(2, CONTROL_PLANES),
    "message": Fault(
        16,
        EXECUTORS,
        what=_MESSAGES,
        how=["request lost", "reply lost", "sent twice", "late", "again late", "overtaken"],
    ),
    "wire cut": Fault(8, EXECUTORS, what=["both ways", "requests", "replies"], how=list(LENGTHS)),
    "statement": Fault(
        9,
        CONTROL_PLANES,
        what=_STATEMENTS,
        how=["REQUEST_LOST", "ANSWER_LOST", "TERMINATED", "TERMINATED_MEANWHILE"],
    ),
    "backends terminated": Fault(3, [""]),
    "ledger frozen": Fault(3, [*CONTROL_PLANES, ""], how=list(LENGTHS)),
    "ledger crashed": Fault(2, [""]),
    "history expired": Fault(4, EXECUTORS, what=["executor.before_publish", "executor.before_complete"], how=[_SLEEP]),
    "branch lost": Fault(3, EXECUTORS, what=["executor.before_publish"], how=[_SLEEP]),
}
FAULT_GAP_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Work:
    """It is done to one of these, once in so many seconds."""

    gap_seconds: float
    who: Sequence[str]


WORK = {
    "add": Work(2.5, INGESTIONS),
    "poison": Work(20.0, INGESTIONS),
    "overwrite": Work(8.0, INGESTIONS),
    "delete": Work(12.0, INGESTIONS),
    "cancel": Work(25.0, INGESTIONS),
    "retry": Work(20.0, INGESTIONS),
    "pause": Work(30.0, INGESTIONS),
    "update": Work(25.0, INGESTIONS),
    "foreign": Work(10.0, TABLES),
    "compact": Work(20.0, TABLES),
    "expire": Work(30.0, TABLES),
}
