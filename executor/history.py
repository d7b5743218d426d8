"""Main's history: which lease each snapshot came from, and how far back it is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from executor.lease import StagedTable
from executor.metadata import Snapshot, TableState


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Snapshots by their ids, newest first; and those of each lease."""

    state: TableState
    snapshots: dict[int, Snapshot]
    of_lease: Mapping[str, tuple[Snapshot, ...]]

    @property
    def is_whole(self) -> bool:
        """Whether it goes back to a root."""
        return not self.snapshots or self._oldest.parent_id is None

    def tells_of(self, staged: StagedTable, *, snapshot_id: int = 0) -> bool:
        """Whether it goes back so far that it would have the staged snapshot, or the one it was published as."""
        if self.is_whole or staged.base_snapshot_id in self.snapshots:
            return True
        known = self.state.snapshots.get(snapshot_id or staged.staged_snapshot_id)
        return known is not None and known.timestamp_ms >= self._oldest.timestamp_ms

    def was_removed(self, staged: StagedTable) -> bool:
        """Whether the staged snapshot was in main once, and is not any more."""
        staged_id = staged.staged_snapshot_id
        return staged_id in self.state.once_in_main or any(
            one.source_id == staged_id and one.id in self.state.once_in_main for one in self.state.snapshots.values()
        )

    @property
    def _oldest(self) -> Snapshot:
        return next(reversed(self.snapshots.values()))


def history_of(state: TableState) -> History:
    snapshots = {snapshot.id: snapshot for snapshot in state.main_chain()}
    of_lease: dict[str, tuple[Snapshot, ...]] = {}
    for snapshot in snapshots.values():
        if lease := state.lease_of(snapshot):
            of_lease[lease] = (*of_lease.get(lease, ()), snapshot)
    return History(state=state, snapshots=snapshots, of_lease=of_lease)
