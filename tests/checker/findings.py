"""The words of the checker's report: which invariant is violated, by what, and the ids to look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Invariant(StrEnum):
    ROWS_ONCE = "each loadable file's rows are in the table exactly once"
    NO_ROWS_OF_OTHERS = "no row of a failed, missing or superseded file, or of none, is in the table"
    LEASE_ONCE = "each lease is in at most one snapshot of main"
    DATA_FILE_ONCE = "no data file is in two live snapshots"
    DATA_FILE_EXISTS = "each referenced data file exists"
    ROWS_STAY = "rows once visible never vanish"
    LEDGER_TELLS_TRUTH = "each file's ledger state says what the table says"
    KEPT_ASIDE_ONCE = "each record that cannot be read is kept aside exactly once, where its file is loaded"
    FIGURES_EQUAL = "the figures of runs, files, summaries and snapshots are equal"
    NOTHING_MOVES = "no file is in a moving state after quiescence"
    FENCES_GROW = "fences only grow, and a lease has at most one live holder"
    ERRORS_EXPECTED = "errors are logged for injected faults only"


@dataclass(frozen=True, slots=True)
class Finding:
    """A violation: `found` is for a person; `ids` are of files, snapshots, leases or runs, whatever it is about."""

    invariant: Invariant
    found: str
    ids: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"[{self.invariant.name}] {self.found}" + (f" ({', '.join(self.ids)})" if self.ids else "")


def report(findings: Iterable[Finding]) -> str:
    """All findings, readably: an invariant a block, in the order in which they were found."""
    blocks: dict[Invariant, list[Finding]] = {}
    for finding in findings:
        blocks.setdefault(finding.invariant, []).append(finding)
    return "\n".join(
        f"violated: {invariant.value} ({len(found)})\n" + "\n".join(f"  {finding}" for finding in found)
        for invariant, found in blocks.items()
    )
