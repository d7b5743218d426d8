"""Watches a table while it changes: what a reader has once seen must stay."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from pyiceberg.table import Table

from tests.checker.findings import Finding, Invariant
from tests.checker.manifest import OwnerOf
from tests.checker.table import TableReader, TableView


class Watch:
    """`load_table` loads the table anew; None while there is none. Others may rewrite rows, and must remove none."""

    def __init__(self, load_table: Callable[[], Table | None], owner_of: OwnerOf) -> None:
        self._load_table = load_table
        self._reader = TableReader(owner_of)
        self._seen = TableView()
        self.findings: list[Finding] = []

    async def observe(self) -> TableView:
        """Looks at the table now, and keeps what has vanished since the last look."""
        view = await asyncio.to_thread(self._look)
        self.findings.extend(vanished(self._seen, view))
        self._seen = view
        return view

    def _look(self) -> TableView:
        """What an expiry deletes under our hands is no finding: then the table has moved on, and is looked at again."""
        looked_at = ""
        while (table := self._load_table()) is not None:
            try:
                view = self._reader.read(table)
            except FileNotFoundError:
                if table.metadata_location == looked_at:
                    raise
            else:
                if not view.absent or table.metadata_location == looked_at:
                    return view
            looked_at = table.metadata_location
        return TableView()


def vanished(before: TableView, after: TableView) -> Iterator[Finding]:
    """What a reader saw before and does not see after: main's head among the ancestors, and each row."""
    is_known = before.head in {snapshot.id for snapshot in after.chain}
    if before.head is not None and not is_known and after.is_whole:
        yield Finding(
            Invariant.ROWS_STAY,
            f"snapshot {before.head} was main's head, and is no ancestor of its head {after.head}",
            (str(before.head), str(after.head)),
        )
    # Most data files stay; only the rows of the others must be found again, in data files that are new.
    gone = _readable(before) - _readable(after)
    new = _readable(after) - _readable(before)
    lost = _digests(before, gone.elements()) - _digests(after, new.elements())
    for owner, rows in Counter(owner for owner, _ in lost.elements()).items():
        yield Finding(Invariant.ROWS_STAY, f"{rows} rows of {owner} were visible and are not any more", (owner or "",))


def _readable(view: TableView) -> Counter[str]:
    return Counter(path for path in view.live if path in view.rows)


def _digests(view: TableView, paths: Iterable[str]) -> Counter[tuple[str | None, int]]:
    return Counter(
        (owner, digest) for path in paths for owner, digests in view.rows.get(path, {}).items() for digest in digests
    )
