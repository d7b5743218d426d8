"""The files of a lease: who is still in, and why the others are out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from executor.lease import Category, Failure, FileOutcome, LeasedFile, Outcome
from executor.paths import name_trouble

_MISSING = (Category.FILE_MISSING, Category.FILE_CHANGED)


@dataclass(slots=True)
class Roster:
    """Files by their index in the lease. A file that is out never comes back in."""

    files: tuple[LeasedFile, ...]
    outcomes: dict[int, FileOutcome] = field(default_factory=dict)

    @property
    def remaining(self) -> dict[int, LeasedFile]:
        return {index: file for index, file in enumerate(self.files) if index not in self.outcomes}

    @property
    def unempty(self) -> dict[int, LeasedFile]:
        return {index: file for index, file in self.remaining.items() if file.size_bytes}

    def drop(self, index: int, failure: Failure, *, records_rejected: int = 0) -> None:
        missing = failure.category in _MISSING
        self.outcomes[index] = FileOutcome(
            index=index,
            outcome=Outcome.MISSING if missing else Outcome.FAILED,
            failure=failure,
            records_rejected=records_rejected,
        )

    def drop_troubled(self, troubles_of: Callable[[list[LeasedFile]], Iterable[Failure | None]]) -> bool:
        """Drops those that are no longer the readable files that were listed; whether there were any."""
        files = self.remaining
        troubles = zip(files, troubles_of(list(files.values())), strict=True)
        found = [(index, failure) for index, failure in troubles if failure]
        for index, failure in found:
            self.drop(index, failure)
        return bool(found)

    @property
    def exceptions(self) -> tuple[FileOutcome, ...]:
        return tuple(self.outcomes[index] for index in sorted(self.outcomes))


def roster_of(files: tuple[LeasedFile, ...]) -> Roster:
    """All of the files but those that cannot be read under their names."""
    roster = Roster(files)
    for index, file in enumerate(files):
        if trouble := name_trouble(file.uri):
            roster.drop(index, trouble)
    return roster
