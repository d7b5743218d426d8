"""What the protocol says of staged snapshots: one counts, it is published once, or a person is asked."""

from __future__ import annotations

from control_plane.domain.file import LoadError
from control_plane.domain.lease import Holding, Resolution, Staging
from control_plane.errors import InvalidField, TableReplaced, TableSealed, WrongState
from tests.model.book import OUTSIDE, Book, Refusal
from tests.model.expected_leases import abandon, fenced, fenced_unless, holds, revive_later_versions
from tests.model.facts import Figures, FileKey, StagedFacts

# What may be in the table without anybody's having forgotten it.
KNOWN = ("STAGED", "PUBLISHED", "IN_DOUBT")


def stage(book: Book, holding: Holding, staging: Staging) -> bool | Refusal:
    """THE decision: True for the snapshot that counts, however late it is asked again; False for all others."""
    lease = book.facts.leases[holding.lease_id]
    if len(staging.records_written) != lease.file_count:
        return InvalidField
    if holds(book, holding) and lease.state == "HELD":
        if any(
            key not in book.facts.leases or book.facts.leases[key].state not in KNOWN for key in staging.leases_in_main
        ):
            return TableSealed
        if _formers(book, holding.lease_id) - {staging.staged.table_uuid} and staging.staged.table_uuid:
            return TableReplaced
        _decide(book, holding, staging)
        return True
    if lease.staged and _named(lease.staged) == (holding.attempt, staging.staged.staged_snapshot_id):
        return True
    book.counters["leases_fenced"] += 1
    return False


def complete(book: Book, lease_id: str, *, fence: int, snapshot_id: int) -> Refusal | None:
    """Ends a staged lease whose snapshot is in main; saying the same again changes nothing."""
    lease = book.facts.leases[lease_id]
    if lease.state == "STAGED" and lease.fence == fence:
        _publish(book, lease_id, snapshot_id)
        return None
    if lease.state == "PUBLISHED" and lease.staged and lease.staged.published_snapshot_id == snapshot_id:
        return None
    return fenced(book)


def unstage(book: Book, holding: Holding, error: LoadError) -> Refusal | None:
    """The staged snapshot is lost and never was in main: the work is offered again, unless its run is cancelled."""
    lease = book.facts.leases[holding.lease_id]
    if lease.state != "STAGED" or lease.fence != holding.fence:
        return fenced_unless(book, holding, "OFFERED", "ABANDONED")
    _unstage(book, holding.lease_id, error.category)
    if book.facts.runs[lease.run_id].cancelled:
        abandon(book, lease.run_id)
    return None


def doubt(book: Book, holding: Holding, error: LoadError) -> Refusal | None:
    """Nobody can tell whether the snapshot is in main: a person is asked."""
    lease = book.facts.leases[holding.lease_id]
    if lease.state != "STAGED" or lease.fence != holding.fence:
        return fenced_unless(book, holding, "IN_DOUBT")
    book.put_down(holding.lease_id, state="IN_DOUBT", error_category=error.category)
    book.finish(lease.run_id)
    return None


def resolve(book: Book, lease_id: str, resolution: Resolution, *, snapshot_id: int) -> Refusal | None:
    """Does what a person found out."""
    lease = book.facts.leases[lease_id]
    if lease.state != "IN_DOUBT":
        return WrongState
    match resolution:
        case Resolution.TRY_AGAIN:
            book.change_lease(lease_id, state="STAGED", fence=lease.fence + 1, error_category=None)
        case Resolution.PUBLISHED:
            _publish(book, lease_id, snapshot_id)
        case Resolution.NOT_PUBLISHED:
            _unstage(book, lease_id, "PUBLISH_IN_DOUBT")
            if book.facts.runs[lease.run_id].cancelled:
                abandon(book, lease.run_id)
    return None


def _decide(book: Book, holding: Holding, staging: Staging) -> None:
    book.outcomes[holding.lease_id] = tuple(
        next((each for each in staging.exceptions if each.index == index), None)
        for index in range(len(staging.records_written))
    )
    if staging.staged.base_snapshot_id:
        book.facts.verified["a.b"] = staging.staged.base_snapshot_id
    book.change_lease(
        holding.lease_id,
        state="STAGED",
        records_written=staging.records_written,
        records_rejected=sum(each.records_rejected for each in staging.exceptions),
        files_excepted=len(staging.exceptions),
        error_category=None,
        staged=StagedFacts(
            attempt=holding.attempt,
            table_uuid=staging.staged.table_uuid,
            base_snapshot_id=staging.staged.base_snapshot_id,
            staged_snapshot_id=staging.staged.staged_snapshot_id,
        ),
    )


def _formers(book: Book, lease_id: str) -> set[str]:
    """The tables for which the run's other leases have rows that count."""
    leases = book.facts.leases
    siblings = [
        each
        for key, each in leases.items()
        if key != lease_id and each.run_id == leases[lease_id].run_id and each.staged
    ]
    return {each.staged.table_uuid for each in siblings if each.staged and each.state in KNOWN} - {""}


def _named(staged: StagedFacts) -> tuple[str, int]:
    return staged.attempt, staged.staged_snapshot_id


def _unstage(book: Book, lease_id: str, category: str) -> None:
    lease = book.facts.leases[lease_id]
    book.put_down(
        lease_id,
        state="OFFERED",
        fence=lease.fence + 1,
        attempts=min(lease.attempts, book.max_attempts - 1),
        records_written=None,
        records_rejected=0,
        files_excepted=0,
        error_category=category,
        staged=None,
    )


def _publish(book: Book, lease_id: str, snapshot_id: int) -> None:
    before = book.facts.leases[lease_id]
    assert before.staged and before.records_written
    staged = StagedFacts(
        attempt=before.staged.attempt,
        table_uuid=before.staged.table_uuid,
        base_snapshot_id=before.staged.base_snapshot_id,
        staged_snapshot_id=before.staged.staged_snapshot_id,
        published_snapshot_id=snapshot_id,
    )
    book.put_down(lease_id, state="PUBLISHED", error_category=None, staged=staged)
    for index, key in enumerate(book.members[lease_id]):
        _end_file(book, lease_id, key, index, snapshot_id)
    run = book.facts.runs[before.run_id]
    if sum(before.records_written) and snapshot_id:
        book.change_run(before.run_id, snapshot_ids=(*run.snapshot_ids, snapshot_id))
    not_loaded = [key for key in book.members[lease_id] if book.facts.files[key].state != "PROCESSED"]
    revive_later_versions(book, before.run_id, not_loaded)
    book.finish(before.run_id)


def _end_file(book: Book, lease_id: str, key: FileKey, index: int, snapshot_id: int) -> None:
    """A file without an exception is loaded; every file counts in its run as what it became."""
    lease, file, exception = book.facts.leases[lease_id], book.facts.files[key], book.outcomes[lease_id][index]
    records = (lease.records_written or ())[index]
    state = exception.outcome if exception else "PROCESSED"
    category = exception.error.category if exception else None
    book.change_file(
        key,
        state=state,
        lease_id=None,
        attempts=file.attempts + max(lease.attempts, 1),
        records_written=records,
        records_rejected=exception.records_rejected if exception else 0,
        snapshot_id=snapshot_id if records and snapshot_id else None,
        error_category=category,
        error_retryable=(state == "FAILED" and category in OUTSIDE) if exception else None,
    )
    if category:
        book.counters[f"file_errors {category}"] += 1
    book.raise_figures(
        lease.run_id,
        Figures(
            files_processed=state == "PROCESSED",
            files_failed=state == "FAILED",
            files_missing=state == "MISSING",
            records_written=records,
            records_rejected=exception.records_rejected if exception else 0,
            bytes_read=file.size_bytes if state == "PROCESSED" else 0,
        ),
    )
