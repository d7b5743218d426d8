"""The model's memory: dictionaries of what a ledger should hold, and the rules that more than one noun follows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from control_plane.domain.lease import FileException
from tests.model.facts import Figures, FileFacts, FileKey, LeaseFacts, LedgerFacts, RunFacts

Refusal = type[Exception]

ENDED = ("PUBLISHED", "ABANDONED", "FAILED")
MAX_FILES = 2
# Causes outside a file, of those that the tests tell: the next run takes such a file up by itself.
OUTSIDE = frozenset({"CONNECTIVITY", "EXECUTOR_LOST", "AUTHENTICATION"})


@dataclass(slots=True)
class Book:
    """What was told to the ledger, written down as the design says it; keys that the ledger makes are told to it.

    `members` are the files of each lease, frozen in the order of discovery; `waits_since` orders the leases that wait;
    `outcomes` is what StageLease said of each member, None for a loaded one; `listers` list a run's source;
    `discovered_in` is the run that recorded a file.
    """

    max_attempts: int = 2
    max_files: int = MAX_FILES
    facts: LedgerFacts = field(default_factory=LedgerFacts)
    members: dict[str, tuple[FileKey, ...]] = field(default_factory=dict)
    outcomes: dict[str, tuple[FileException | None, ...]] = field(default_factory=dict)
    waits_since: dict[str, int] = field(default_factory=dict)
    listers: dict[int, str] = field(default_factory=dict)
    discovered_in: dict[FileKey, int] = field(default_factory=dict)
    moments: Iterator[int] = field(default_factory=count)
    totals: Figures = field(default_factory=Figures)
    counters: Counter[str] = field(default_factory=lambda: Counter(lease_expirations=0, leases_fenced=0))

    def seen(self) -> LedgerFacts:
        """What the ledger should show."""
        return replace(self.facts, totals=self.totals, counters=dict(self.counters))

    def change_run(self, run_id: int, **changes: Any) -> RunFacts:
        self.facts.runs[run_id] = replace(self.facts.runs[run_id], **changes)
        return self.facts.runs[run_id]

    def change_lease(self, lease_id: str, **changes: Any) -> LeaseFacts:
        self.facts.leases[lease_id] = replace(self.facts.leases[lease_id], **changes)
        return self.facts.leases[lease_id]

    def put_down(self, lease_id: str, **changes: Any) -> LeaseFacts:
        """Nobody holds the lease any more, and one that ended does not rest."""
        free: dict[str, Any] = {"holder": None, "request_id": None, "expired": False, "begun": False}
        if changes.get("state") in ENDED:
            free["resting"] = False
        return self.change_lease(lease_id, **(free | changes))

    def change_file(self, key: FileKey, **changes: Any) -> FileFacts:
        self.facts.files[key] = replace(self.facts.files[key], **changes)
        return self.facts.files[key]

    def wait_again(self, key: FileKey, **changes: Any) -> None:
        """The file waits as if nothing had been wrong with it."""
        self.change_file(key, state="PENDING", error_category=None, error_retryable=None, **changes)

    def moment(self) -> int:
        """Later than every moment before."""
        return next(self.moments)

    def raise_figures(self, run_id: int, more: Figures) -> None:
        self.change_run(run_id, figures=self.facts.runs[run_id].figures + more)
        self.totals += more

    def is_tried(self, lease_id: str) -> bool:
        """Whether the lease has attempts left, and executors to lose."""
        lease = self.facts.leases[lease_id]
        return max(lease.attempts, lease.executors_lost) < self.max_attempts

    def is_active(self, run_id: int) -> bool:
        return self.facts.runs[run_id].state in ("PENDING", "RUNNING")

    def active_run(self) -> int | None:
        return next((run_id for run_id in self.facts.runs if self.is_active(run_id)), None)

    def is_being_listed(self) -> bool:
        run_id = self.active_run()
        return run_id is not None and not self.facts.runs[run_id].listed

    def has_leases(self, *states: str) -> bool:
        return any(lease.state in states for lease in self.facts.leases.values())

    def leases_of(self, run_id: int, *states: str) -> list[str]:
        return [key for key, lease in self.facts.leases.items() if lease.run_id == run_id and lease.state in states]

    def versions(self, uri: str) -> list[FileKey]:
        """The versions of an object, oldest first."""
        return sorted(key for key in self.facts.files if key[0] == uri)

    def may_be_loaded(self, uri: str) -> bool:
        """Whether rows of any version of the object are, will be or may be in the table."""
        known = [self.facts.files[key] for key in self.versions(uri)]
        return any(each.state in ("PROCESSED", "LEASED") or each.error_category == "PUBLISH_IN_DOUBT" for each in known)

    def is_replaced(self, key: FileKey) -> bool:
        """Whether a newer version stands in this one's place."""
        return any(other > key and not self._is_ruled_out(other) for other in self.versions(key[0]))

    def _is_ruled_out(self, key: FileKey) -> bool:
        """Whether the ingestion ruled the version out; a person rules out what took the place of others."""
        file = self.facts.files[key]
        return file.state == "SKIPPED" and file.error_category != "SKIPPED_BY_PERSON"

    def finish(self, run_id: int) -> None:
        """Brings the run to rest if nothing of it is left to do; one in doubt waits for a person, its run does not."""
        run = self.facts.runs[run_id]
        if not self.is_active(run_id) or not (run.listed or run.cancelled):
            return
        waiting = any(file.state == "PENDING" for file in self.facts.files.values())
        if self.leases_of(run_id, "OFFERED", "HELD", "STAGED") or (waiting and not (run.stopped or run.cancelled)):
            return
        state = self._rest(run_id)
        self.change_run(run_id, state=state, errors=self._errors(run_id))
        self.counters[f"runs {state},MANUAL"] += 1

    def _rest(self, run_id: int) -> str:
        run = self.facts.runs[run_id]
        if run.cancelled:
            return "CANCELLED"
        if run.stopped or self.leases_of(run_id, "IN_DOUBT"):
            return "FAILED"
        if run.figures.files_failed == 0:
            return "SUCCEEDED"
        return "PARTIALLY_SUCCEEDED" if run.figures.files_processed else "FAILED"

    def _errors(self, run_id: int) -> frozenset[tuple[str, int]]:
        of_files = Counter(
            file.error_category
            for file in self.facts.files.values()
            if file.run_id == run_id and file.state in ("FAILED", "MISSING") and file.error_category
        )
        told = {(category, files) for category, files in of_files.items() if category}
        told |= {("PUBLISH_IN_DOUBT", self.facts.leases[key].file_count) for key in self.leases_of(run_id, "IN_DOUBT")}
        if self.facts.runs[run_id].stopped:
            told.add(("CONNECTIVITY", 0))
        return frozenset(told)
