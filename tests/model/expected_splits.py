"""What the protocol says of files that executors died with: how they are cut apart, and when one is to blame."""

from __future__ import annotations

from tests.model.book import Book
from tests.model.facts import FileKey


def sets_to_offer(book: Book, run_id: int) -> list[tuple[FileKey, ...]]:
    """Packs what waits, in the order of discovery; while the run is listed, the last set waits for more.

    Files that executors died with are packed apart, by their number, and wait for nothing; before the last one, alone.
    """
    run = book.facts.runs[run_id]
    if not book.is_active(run_id) or run.stopped or run.cancelled:
        return []
    waiting = [key for key, file in book.facts.files.items() if file.state == "PENDING"]
    waiting.sort(key=lambda key: book.facts.files[key].rank)
    groups: dict[int, list[FileKey]] = {}
    for key in waiting:
        groups.setdefault(min(book.facts.files[key].executors_lost, max(book.max_attempts - 1, 1)), []).append(key)
    clean = _cut(groups.pop(0, []), book.max_files)
    sets = clean if run.listed else clean[:-1]
    for lost, suspects in groups.items():
        sets += _cut(suspects, book.max_files if lost < book.max_attempts - 1 else 1)
    return sets


def _cut(keys: list[FileKey], files: int) -> list[tuple[FileKey, ...]]:
    return [tuple(keys[start : start + files]) for start in range(0, len(keys), files)]


def split_lost(book: Book) -> int:
    """Splits the sets whose holder fell silent; how many."""
    lost = [key for key in expired(book) if is_lost_set(book, key)]
    for key in lost:
        split(book, key)
    book.counters["lease_expirations"] += len(lost)
    return len(lost)


def split(book: Book, lease_id: str) -> None:
    """A set that an executor died with has ended, and its files wait again."""
    lease = book.facts.leases[lease_id]
    lease = book.put_down(
        lease_id,
        state="ABANDONED",
        attempts=lease.attempts + (not lease.begun),
        executors_lost=lease.executors_lost + 1,
        error_category="EXECUTOR_LOST",
    )
    wait_again(book, lease_id)
    book.finish(lease.run_id)


def expired(book: Book) -> list[str]:
    return [key for key, lease in book.facts.leases.items() if lease.holder is not None and lease.expired]


def is_lost_set(book: Book, lease_id: str) -> bool:
    lease = book.facts.leases[lease_id]
    return lease.state == "HELD" and lease.begun and lease.file_count > 1


def wait_again(book: Book, lease_id: str) -> None:
    """The files of a lease that ended without a word on them wait, and keep what it cost."""
    lease = book.facts.leases[lease_id]
    for key in book.members[lease_id]:
        file = book.facts.files[key]
        book.change_file(
            key,
            state="PENDING",
            lease_id=None,
            attempts=file.attempts + lease.attempts,
            executors_lost=max(file.executors_lost, lease.executors_lost),
        )


def is_poisonous(book: Book, lease_id: str) -> bool:
    """Executors died of the file to the last, with it alone, and loaded others since it was discovered."""
    lease, keys = book.facts.leases[lease_id], book.members[lease_id]
    witnesses = [
        run_id
        for run_id, run in book.facts.runs.items()
        if run.figures.files_processed and run_id >= book.discovered_in[keys[0]]
    ]
    return lease.executors_lost >= book.max_attempts and len(keys) == 1 and bool(witnesses)
