"""What the protocol says of leases: who gets one, who keeps it, and how it ends without rows in the table."""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.domain.file import LoadError
from control_plane.domain.lease import Holding
from control_plane.errors import LeaseFenced
from tests.model.book import OUTSIDE, Book, Refusal
from tests.model.expected_splits import expired, is_lost_set, is_poisonous, split, wait_again
from tests.model.facts import Figures, FileKey, LeaseFacts


def offer(book: Book, run_id: int, *, lease_ids: Sequence[str], sets: Sequence[tuple[FileKey, ...]]) -> None:
    """Freezes the members of each new lease."""
    moment = book.moment()
    for lease_id, keys in zip(lease_ids, sets, strict=True):
        size = sum(book.facts.files[key].size_bytes for key in keys)
        lost = max(book.facts.files[key].executors_lost for key in keys)
        book.facts.leases[lease_id] = LeaseFacts(
            run_id=run_id,
            state="OFFERED",
            file_count=len(keys),
            size_bytes=size,
            executors_lost=min(lost, book.max_attempts - 1),
        )
        book.members[lease_id] = keys
        book.waits_since[lease_id] = moment
        for key in keys:
            book.change_file(key, state="LEASED", lease_id=lease_id, run_id=run_id)


def held_by_request(book: Book, executor: str, request_id: str) -> str | None:
    """What a repeated request gets: the lease that it got, while it holds it."""
    holder = (executor, request_id)
    return next((key for key, each in book.facts.leases.items() if (each.holder, each.request_id) == holder), None)


def next_waiting(book: Book) -> list[str]:
    """The leases that wait longest: work with attempts left, or a staged snapshot to publish; one of them is next."""
    free = [
        key
        for key, lease in book.facts.leases.items()
        if lease.holder is None
        and not lease.resting
        and (lease.state == "STAGED" or (lease.state == "OFFERED" and book.is_tried(key)))
    ]
    first = min((book.waits_since[key] for key in free), default=0)
    return [key for key in free if book.waits_since[key] == first]


def acquire(book: Book, lease_id: str, *, attempt: str, executor: str, request_id: str) -> None:
    """A hand-out has a fence above all before it, and an attempt of its own; a repeated request keeps both."""
    if held_by_request(book, executor, request_id) == lease_id:
        book.change_lease(lease_id, expired=False)
        return
    lease = book.facts.leases[lease_id]
    book.change_lease(
        lease_id,
        state="HELD" if lease.state == "OFFERED" else "STAGED",
        fence=lease.fence + 1,
        attempt=attempt,
        holder=executor,
        request_id=request_id,
    )
    book.facts.attempts[attempt] = (lease_id, lease.fence + 1, executor)


def holds(book: Book, holding: Holding) -> bool:
    """Whether the lease is out under this fence and attempt."""
    lease = book.facts.leases[holding.lease_id]
    return lease.holder is not None and (lease.fence, lease.attempt) == (holding.fence, holding.attempt)


def renew(book: Book, holding: Holding) -> bool:
    """Extends a lease; the first renewal of an attempt to load counts it."""
    if not holds(book, holding):
        book.counters["leases_fenced"] += 1
        return False
    lease = book.facts.leases[holding.lease_id]
    counts = lease.state == "HELD" and not lease.begun
    book.change_lease(holding.lease_id, attempts=lease.attempts + counts, begun=True, expired=False)
    return True


def fail(book: Book, holding: Holding, error: LoadError, *, rest: bool) -> Refusal | None:
    """The lease is offered again after a rest, without attempts left when that is hopeless."""
    lease = book.facts.leases[holding.lease_id]
    is_lost = error.category == "EXECUTOR_LOST"
    if not holds(book, holding) or lease.state != "HELD":
        return fenced_unless(book, holding, "OFFERED", "FAILED", *(["ABANDONED"] if is_lost else []))
    if is_lost and lease.file_count > 1:
        split(book, holding.lease_id)
        return None
    attempts = lease.attempts + (not lease.begun) if error.retryable else max(lease.attempts, book.max_attempts)
    book.put_down(
        holding.lease_id,
        state="OFFERED",
        attempts=attempts,
        executors_lost=lease.executors_lost + is_lost,
        resting=rest,
        error_category=error.category,
    )
    book.waits_since[holding.lease_id] = book.moment()
    give_up(book, lease.run_id)
    return None


def release(book: Book, holding: Holding, *, rest: bool) -> None:
    """Gives a lease back: the attempt does not count, and what is staged lets others go first."""
    if not holds(book, holding):
        return
    lease = book.facts.leases[holding.lease_id]
    if lease.state == "HELD":
        book.put_down(holding.lease_id, state="OFFERED", attempts=lease.attempts - lease.begun)
    else:
        book.put_down(holding.lease_id, resting=rest)
        book.waits_since[holding.lease_id] = book.moment()


def reap(book: Book) -> int:
    """Takes back what is past its deadline, and only that: work is offered again, what is staged stays staged.

    A set whose loading was begun is split, not offered again.
    """
    reaped = [key for key in expired(book) if not is_lost_set(book, key)]
    for key in reaped:
        lease = book.facts.leases[key]
        if lease.state == "HELD":
            book.put_down(
                key,
                state="OFFERED",
                executors_lost=lease.executors_lost + lease.begun,
                error_category="EXECUTOR_LOST",
            )
        else:
            book.put_down(key)
    book.counters["lease_expirations"] += len(reaped)
    return len(reaped)


def hopeless(book: Book, run_id: int) -> list[str]:
    """Leases of the run whose attempts are used up."""
    return [key for key in book.leases_of(run_id, "OFFERED") if not book.is_tried(key)]


def give_up(book: Book, run_id: int) -> None:
    """The files of leases without attempts left fail with the last error."""
    leases = hopeless(book, run_id)
    for lease_id in leases:
        category = "FILE_POISONOUS" if is_poisonous(book, lease_id) else book.facts.leases[lease_id].error_category
        lease = book.put_down(lease_id, state="FAILED", error_category=category)
        for key in book.members[lease_id]:
            file = book.facts.files[key]
            book.change_file(
                key,
                state="FAILED",
                lease_id=None,
                attempts=file.attempts + lease.attempts,
                executors_lost=max(file.executors_lost, lease.executors_lost),
                error_category=lease.error_category,
                error_retryable=lease.error_category in OUTSIDE,
            )
            book.counters[f"file_errors {lease.error_category}"] += 1
        book.raise_figures(run_id, Figures(files_failed=lease.file_count))
    if leases:
        revive_later_versions(book, run_id, [key for each in leases for key in book.members[each]])
        book.finish(run_id)


def abandon(book: Book, run_id: int) -> None:
    """The files of what is not staged wait again."""
    for lease_id in book.leases_of(run_id, "OFFERED", "HELD"):
        book.put_down(lease_id, state="ABANDONED")
        wait_again(book, lease_id)
    book.finish(run_id)


def revive_later_versions(book: Book, run_id: int, not_loaded: Sequence[FileKey]) -> None:
    """A version skipped for one that did not load after all waits in its place."""
    for uri in {key[0] for key in not_loaded}:
        newest = book.versions(uri)[-1]
        file = book.facts.files[newest]
        skipped = (file.state, file.error_category) == ("SKIPPED", "FILE_CHANGED")
        if skipped and not book.may_be_loaded(uri):
            book.wait_again(newest, run_id=run_id)


def fenced_unless(book: Book, holding: Holding, *states: str) -> Refusal | None:
    """A repeated call passes while the lease still stands where the first one put it under this attempt."""
    lease = book.facts.leases[holding.lease_id]
    if lease.attempt == holding.attempt and lease.state in states:
        return None
    return fenced(book)


def fenced(book: Book) -> Refusal:
    book.counters["leases_fenced"] += 1
    return LeaseFenced
