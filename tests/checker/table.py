"""Reads an Iceberg table from its metadata, its manifests and its Parquet files, into plain data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.manifest import ManifestContent, ManifestEntry, ManifestEntryStatus
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot

from tests.checker.checksum import digest
from tests.checker.manifest import OwnerOf

LEASE_KEYS = ("autoloader.lease", "wap.id", "published-wap-id")
_FIELD_ID = b"PARQUET:field_id"

# The digests of a data file's rows, by the file of the workload that they came from; None: from no file.
Rows = Mapping[str | None, tuple[int, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MainSnapshot:
    """A snapshot in main; a lease leaves its id under several keys, which are one where they agree."""

    id: int
    parent_id: int | None
    leases: frozenset[str] = frozenset()
    records_added: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TableView:
    """What main is, and how it came to be.

    `chain` is main's head and its ancestors; `added_by` are the snapshots that say they added a data file; `live` are
    the head's data files, one that is listed twice twice; `absent` are referenced by main, and not there; `rows` are
    those of each live file that is there.
    """

    chain: tuple[MainSnapshot, ...] = ()
    added_by: Mapping[str, frozenset[int]] = field(default_factory=dict)
    live: tuple[str, ...] = ()
    absent: frozenset[str] = frozenset()
    rows: Mapping[str, Rows] = field(default_factory=dict)

    @property
    def head(self) -> int | None:
        return self.chain[0].id if self.chain else None

    @property
    def is_whole(self) -> bool:
        """Whether the chain reaches its root: no history of main has expired."""
        return not self.chain or self.chain[-1].parent_id is None

    def digests_by_owner(self) -> dict[str | None, list[int]]:
        """What a reader of the table sees: a file that is listed twice is read twice."""
        found: dict[str | None, list[int]] = {}
        for path in self.live:
            for owner, digests in self.rows.get(path, {}).items():
                found.setdefault(owner, []).extend(digests)
        return found


class TableReader:
    """Reads a table again and again; a data file never changes, so that each is read once."""

    def __init__(self, owner_of: OwnerOf) -> None:
        self._owner_of = owner_of
        self._rows: dict[str, Rows] = {}

    def read(self, table: Table) -> TableView:
        """The table as loaded. Raises ValueError when it has delete files, which would have to be applied."""
        snapshots = list(_main_chain(table))
        added: dict[str, set[int]] = {}
        referenced: dict[str, None] = {}
        for entry in _entries(table, snapshots):
            path = entry.data_file.file_path
            if entry.status == ManifestEntryStatus.ADDED and entry.snapshot_id is not None:
                added.setdefault(path, set()).add(entry.snapshot_id)
            if entry.status != ManifestEntryStatus.DELETED:
                referenced[path] = None
        absent = frozenset(path for path in referenced if not table.io.new_input(path).exists())
        live = tuple(_live_paths(table, snapshots[:1]))
        return TableView(
            chain=tuple(map(_main_snapshot, snapshots)),
            added_by={path: frozenset(ids) for path, ids in added.items()},
            live=live,
            absent=absent,
            rows={path: self._rows_of(table, path) for path in dict.fromkeys(live) if path not in absent},
        )

    def _rows_of(self, table: Table, path: str) -> Rows:
        if path not in self._rows:
            self._rows[path] = self._read_rows(table, path)
        return self._rows[path]

    def _read_rows(self, table: Table, path: str) -> Rows:
        found: dict[str | None, list[int]] = {}
        with table.io.new_input(path).open() as stream:
            content = pq.read_table(stream)
        for row in _named_by_table(content, _column_names(table)).to_pylist():
            found.setdefault(self._owner_of(row), []).append(digest(row))
        return {owner: tuple(digests) for owner, digests in found.items()}


def _main_chain(table: Table) -> Iterator[Snapshot]:
    snapshot = table.snapshot_by_name("main")
    while snapshot is not None:
        yield snapshot
        parent = snapshot.parent_snapshot_id
        snapshot = table.snapshot_by_id(parent) if parent is not None else None


def _entries(table: Table, snapshots: Iterable[Snapshot]) -> Iterator[ManifestEntry]:
    """The entries of all manifests of these snapshots; most manifests are in several, and are read once."""
    manifests = {each.manifest_path: each for snapshot in snapshots for each in snapshot.manifests(table.io)}
    for manifest in manifests.values():
        if manifest.content == ManifestContent.DELETES:
            raise ValueError(f"{manifest.manifest_path} lists delete files, which the checker cannot apply")
        yield from manifest.fetch_manifest_entry(table.io, discard_deleted=False)


def _live_paths(table: Table, head: Iterable[Snapshot]) -> Iterator[str]:
    for entry in _entries(table, head):
        if entry.status != ManifestEntryStatus.DELETED:
            yield entry.data_file.file_path


def _main_snapshot(snapshot: Snapshot) -> MainSnapshot:
    summary: Mapping[str, Any] = snapshot.summary.additional_properties if snapshot.summary else {}
    return MainSnapshot(
        id=snapshot.snapshot_id,
        parent_id=snapshot.parent_snapshot_id,
        leases=frozenset(str(summary[key]) for key in LEASE_KEYS if summary.get(key)),
        records_added=int(summary.get("added-records") or 0),
    )


def _column_names(table: Table) -> dict[int, str]:
    """Of any column that the table ever had, its name now: old data files may have older names for it."""
    schemas = (*(table.schemas()[id] for id in sorted(table.schemas())), table.schema())
    return {column.field_id: column.name for schema in schemas for column in schema.fields}


def _named_by_table(content: pa.Table, names: Mapping[int, str]) -> pa.Table:
    renamed = [
        names.get(int((each.metadata or {}).get(_FIELD_ID, -1)), each.name)
        for each in (content.schema.field(position) for position in range(content.num_columns))
    ]
    return content.rename_columns(renamed)
