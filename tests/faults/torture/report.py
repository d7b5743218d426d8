"""What came of a torture, as numbers and words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

from tests.checker.findings import Finding, report
from tests.faults.torture.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`lost`, `duplicated` and `mismatched` count rows of files."""

    plan: Plan
    seconds: float
    faults: Counter[str]
    leases_started: int
    leases_published: int
    attempts_fenced: int
    leases_taken_over: int
    leases_in_doubt: int
    files: Counter[str]
    rows: int
    rows_foreign: int
    lost: int
    duplicated: int
    mismatched: int
    recovery_seconds: Sequence[float]
    findings: Sequence[Finding]

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.duplicated or self.mismatched or self.findings)

    def __str__(self) -> str:
        missed = sum(step.is_fault for step in self.plan.steps) - self.faults.total()
        per_minute = 60 * self.faults.total() / self.plan.seconds
        return "\n".join(
            [
                f"seed {self.plan.seed}, {self.plan.seconds / 60:g} minutes of faults, {self.seconds:.0f} s in all",
                f"faults {self.faults.total()} of {len(self.faults)} kinds, {per_minute:.1f} a minute"
                f" ({missed} more were planned, and their moment did not come)",
                *(f"  {count:4} {kind}" for kind, count in sorted(self.faults.items())),
                f"leases {self.leases_started} started, {self.leases_published} published,"
                f" {self.attempts_fenced} fenced, {self.leases_taken_over} recovered (taken over),"
                f" {self.leases_in_doubt} in doubt and resolved",
                f"files  {', '.join(f'{count} {state}' for state, count in sorted(self.files.items()))}",
                f"rows   {self.rows} of files, {self.rows_foreign} of a foreign writer",
                f"lost {self.lost}, duplicated {self.duplicated}, mismatched {self.mismatched}",
                f"recovery times  {_spread(self.recovery_seconds)}",
                *([f"{len(self.findings)} findings", report(self.findings)] if self.findings else ["no findings"]),
            ]
        )


def _spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return "none"
    ordered = sorted(seconds)
    late = ordered[ceil(0.95 * len(ordered)) - 1]
    return f"median {median(ordered):.1f} s, p95 {late:.1f} s, max {ordered[-1]:.1f} s, of {len(ordered)}"
