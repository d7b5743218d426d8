"""Finds the leases that are in a table and that the ledger forgot. Pure.

A lease is in the table when main's history has it, or, where that has expired, when it left the mark
of its publication. What became of its files is in the manifest of the attempt that was published.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from executor.audit import described
from executor.history import History
from executor.lease import LeasedFile, StagedTable
from executor.ledger import ForgottenLease, LeaseState, LedgerLease
from executor.manifests import Manifest
from executor.metadata import Snapshot
from executor.remains import Left


@dataclass(slots=True)
class Plan:
    """What to tell the ledger, oldest first; what a person must look at, a sentence each.

    `undecided` are attempts of which neither main nor a mark can tell whether they were published.
    """

    forgotten: list[ForgottenLease] = field(default_factory=list)
    left_open: list[str] = field(default_factory=list)
    undecided: list[Manifest] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is known of a table: main's history, the ledger's leases in it, and what those of the ingestion left.

    `accepted` are leases that a person says are in the table; `owners` are the ingestions in whose
    folders leases left something.
    """

    ingestion: str
    table: str
    main: History
    known: Mapping[str, LedgerLease]
    left: Mapping[str, Left]
    owners: Mapping[str, str]
    accepted: Collection[str]


def is_settled(lease: LedgerLease | None, main: History) -> bool:
    """Whether the ledger knows all that there is to know; a staged lease finds by itself that it is in main."""
    if lease is None or lease.state is LeaseState.IN_DOUBT:
        return False
    snapshots = main.of_lease.get(lease.id, ())
    return (
        lease.state is LeaseState.STAGED
        or not snapshots
        or any(snapshot.id == lease.published_snapshot_id for snapshot in snapshots)
    )


def plan(scene: Scene) -> Plan:
    made, strangers = Plan(), Counter[str]()
    for lease_id in dict.fromkeys((*scene.main.of_lease, *scene.left, *scene.accepted)):
        if is_settled(scene.known.get(lease_id), scene.main):
            continue
        owner = scene.owners.get(lease_id, scene.ingestion)
        if owner == scene.ingestion:
            _look_at(lease_id, scene, made)
        elif lease_id in scene.main.of_lease:
            strangers[owner] += 1
    for owner, count in strangers.items():
        what = "1 lease of ingestion {} is" if count == 1 else f"{count:,} leases of ingestion {{}} are"
        made.left_open.append(f"{what.format(owner)} in the table too: autoloader reconcile {owner}")
    made.forgotten.sort(key=lambda lease: lease.time_ms)
    return made


def not_loaded_since(undecided: Iterable[Manifest], loaded: Iterable[Manifest]) -> list[Manifest]:
    """The attempts with files that no lease in the table loaded; the others were never published, but repeated."""
    files = {_identity(file) for manifest in loaded for file in manifest.files}
    return [one for one in undecided if any(_identity(file) not in files for file in one.files)]


def cannot_tell(manifest: Manifest) -> str:
    return (
        f"Lease {manifest.lease_id}: whether the {manifest.staged.records_added:,} rows of its {len(manifest.files):,} "
        f"files came to the table cannot be told, since main's history expired. If they are there, --accept "
        f"{manifest.lease_id}; else the next run loads them, and this goes away."
    )


def _look_at(lease_id: str, scene: Scene, made: Plan) -> None:
    left, snapshots = scene.left.get(lease_id, Left()), scene.main.of_lease.get(lease_id, ())
    table_id = scene.main.state.id
    if snapshots:
        newest = snapshots[0]
        manifest = left.manifest_of((newest.id, newest.source_id), table_id=table_id)
        _say_in_main(lease_id, newest, manifest, scene, made)
    elif left.marker and (manifest := left.manifest_of([left.marker.staged_snapshot_id], table_id=table_id)):
        _say(lease_id, _by_manifest(manifest, left.marker.published_snapshot_id), scene, made)
    elif left.marker and not left.manifests:
        made.left_open.append(
            f"Lease {lease_id}: it was published as snapshot {left.marker.published_snapshot_id}, which main's history "
            "has no more, and its manifest is gone: bring that back, else the next run loads its files again."
        )
    elif left.manifests:
        _look_at_attempts(lease_id, left, scene, made)
    elif lease_id in scene.accepted:
        made.left_open.append(f"Lease {lease_id}: nothing is known of it, here or in main; look at how it is written.")


def _say_in_main(lease_id: str, snapshot: Snapshot, manifest: Manifest | None, scene: Scene, made: Plan) -> None:
    if manifest:
        _say(lease_id, _by_manifest(manifest, snapshot.id), scene, made)
    elif lease_id in scene.accepted:
        _say(lease_id, _by_word(lease_id, snapshot, scene), scene, made)
    else:
        made.left_open.append(
            f"Lease {lease_id}: {described(snapshot)} is in main, but no manifest says of which files. To count its "
            f"rows as known, and its files not: --accept {lease_id}"
        )


def _look_at_attempts(lease_id: str, left: Left, scene: Scene, made: Plan) -> None:
    """Attempts of this table that main does not have: most were never published."""
    main = scene.main
    for manifest in left.manifests:
        if manifest.staged.table_uuid != main.state.id:
            continue
        if main.was_removed(manifest.staged) or not main.tells_of(manifest.staged):
            if lease_id in scene.accepted:
                _say(lease_id, _by_manifest(manifest, manifest.staged.staged_snapshot_id), scene, made)
                return
            if main.was_removed(manifest.staged):
                made.left_open.append(_removed(manifest))
            else:
                made.undecided.append(manifest)


def _say(lease_id: str, lease: ForgottenLease, scene: Scene, made: Plan) -> None:
    known = scene.known.get(lease_id)
    if known is not None and known.state is LeaseState.IN_DOUBT:
        made.left_open.append(
            f"Lease {lease_id}: it is in doubt, and in the table as snapshot {lease.published_snapshot_id}: autoloader "
            f"runs resolve {known.run} {lease_id} published --snapshot-id {lease.published_snapshot_id}"
        )
    else:
        made.forgotten.append(lease)


def _by_manifest(manifest: Manifest, published_snapshot_id: int) -> ForgottenLease:
    return ForgottenLease(
        id=manifest.lease_id,
        attempt=manifest.attempt,
        time_ms=manifest.time_ms,
        staged=manifest.staged,
        published_snapshot_id=published_snapshot_id,
        files=manifest.files,
        records_written=manifest.records_written,
        exceptions=manifest.exceptions,
        rejects=manifest.rejects,
    )


def _by_word(lease_id: str, snapshot: Snapshot, scene: Scene) -> ForgottenLease:
    """A lease of which only its rows are known."""
    return ForgottenLease(
        id=lease_id,
        time_ms=snapshot.timestamp_ms,
        staged=StagedTable(
            table=scene.table,
            table_uuid=scene.main.state.id,
            base_snapshot_id=snapshot.parent_id or 0,
            staged_snapshot_id=snapshot.source_id or snapshot.id,
            records_added=snapshot.records_added,
        ),
        published_snapshot_id=snapshot.id,
    )


def _removed(manifest: Manifest) -> str:
    return (
        f"Lease {manifest.lease_id}: its {manifest.staged.records_added:,} rows were in main, and somebody removed "
        f"them. To count its {len(manifest.files):,} files as loaded: --accept {manifest.lease_id}; else the next run "
        "loads them."
    )


def _identity(file: LeasedFile) -> tuple[str, str]:
    """What tells a version of a file from another, as in the ledger."""
    return file.uri, file.etag or f"{file.size_bytes}:{file.modification_time_ns}"
