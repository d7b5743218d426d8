"""What the design says of runs and files: who opens and lists, and what a listed version is."""

from __future__ import annotations

from control_plane.domain.file import ListedFile
from control_plane.errors import RunActive, WrongState
from control_plane.ledger.listing_claims import ListingLost
from tests.model.book import Book, Refusal
from tests.model.expected_leases import abandon
from tests.model.facts import Figures, FileFacts, FileKey, RunFacts


def open_run(book: Book, run_id: int) -> int | Refusal:
    """An ingestion has one unfinished run at most."""
    if book.active_run() is not None:
        return RunActive
    book.facts.runs[run_id] = RunFacts(state="PENDING")
    return run_id


def start_listing(book: Book, lister: str, *, silent: bool) -> int | None:
    """Claims the run's listing unless somebody lists it, and takes up again what failed by a cause outside a file."""
    run_id = book.active_run()
    if run_id is None or book.facts.runs[run_id].listed or book.facts.runs[run_id].cancelled:
        return None
    if run_id in book.listers and not silent:
        return None
    book.listers[run_id] = lister
    book.change_run(run_id, state="RUNNING")
    for key, file in list(book.facts.files.items()):
        if file.state == "FAILED" and file.error_retryable and file.run_id != run_id and not book.is_replaced(key):
            book.wait_again(key, run_id=run_id)
    return run_id


def may_list(book: Book, run_id: int, lister: str) -> bool:
    run = book.facts.runs[run_id]
    return book.listers.get(run_id) == lister and run.state == "RUNNING" and not run.listed


def list_page(book: Book, run_id: int, lister: str, page: list[ListedFile]) -> int | Refusal:
    """Records what is new, unknown objects before new versions of known ones; how many were."""
    if not may_list(book, run_id, lister) or book.facts.runs[run_id].cancelled:
        return ListingLost
    in_order = sorted(page, key=lambda listed: (bool(book.versions(listed.uri)), listed.uri))
    recorded = [_list(book, run_id, listed) for listed in in_order]
    skipped = sum(state == "SKIPPED" for state in recorded)
    discovered = sum(state is not None for state in recorded)
    book.raise_figures(run_id, Figures(files_discovered=discovered, files_skipped=skipped))
    return discovered


def end_listing(book: Book, run_id: int, lister: str, *, failed: bool) -> Refusal | None:
    if not may_list(book, run_id, lister):
        return ListingLost
    book.change_run(run_id, listed=True, stopped=failed)
    return None


def cancel(book: Book, run_id: int) -> Refusal | None:
    """What is not staged waits again; what is staged is published first."""
    if not book.is_active(run_id):
        return None if book.facts.runs[run_id].state == "CANCELLED" else WrongState
    book.change_run(run_id, cancelled=True)
    abandon(book, run_id)
    return None


def retry(book: Book, key: FileKey | None, *, skipped: bool) -> int:
    """Sets what did not load back to PENDING, the one that is named or all; how many.

    Unless it is named, a file whose rows may be in the table stays, and unless it is named or asked for, one that a
    person had skipped. A run under way no longer counts it as what it was.
    """
    named = key is not None
    chosen = [
        each
        for each in ([key] if key else list(book.facts.files))
        if _may_be_retried(book, each, named=named, skipped=named or skipped)
    ]
    for each in chosen:
        _count_no_more(book, each)
        book.wait_again(each, attempts=0)
    return len(chosen)


def skip(book: Book, key: FileKey | None) -> int:
    """Rules out what waits or did not load, the one that is named or all, but nothing that may be in the table."""
    among = [key] if key else list(book.facts.files)
    chosen = [each for each in among if _is_unloaded(book, each, "PENDING", "FAILED", "MISSING")]
    for each in chosen:
        file = book.facts.files[each]
        _count_no_more(book, each)
        if book.is_active(file.run_id):
            run = book.facts.runs[file.run_id]
            book.change_run(file.run_id, figures=run.figures + Figures(files_skipped=1))
        book.totals += Figures(files_skipped=1)
        book.change_file(each, state="SKIPPED", error_category="SKIPPED_BY_PERSON", error_retryable=False)
    return len(chosen)


def _may_be_retried(book: Book, key: FileKey, *, named: bool, skipped: bool) -> bool:
    file = book.facts.files[key]
    others = [book.facts.files[other] for other in book.versions(key[0]) if other != key]
    if any(other.state in ("PROCESSED", "LEASED") or other.error_category == "PUBLISH_IN_DOUBT" for other in others):
        return False
    if file.state == "SKIPPED":
        return skipped and file.error_category == "SKIPPED_BY_PERSON" and not book.is_replaced(key)
    if named and file.error_category == "PUBLISH_IN_DOUBT":
        return file.state in ("FAILED", "MISSING") and not book.is_replaced(key)
    return _is_unloaded(book, key, "FAILED", "MISSING")


def _is_unloaded(book: Book, key: FileKey, *states: str) -> bool:
    file = book.facts.files[key]
    return file.state in states and file.error_category != "PUBLISH_IN_DOUBT" and not book.is_replaced(key)


def _count_no_more(book: Book, key: FileKey) -> None:
    """A run under way counts a file as what it was no more."""
    file = book.facts.files[key]
    if book.is_active(file.run_id):
        less = Figures(
            files_failed=file.state == "FAILED",
            files_missing=file.state == "MISSING",
            files_skipped=file.state == "SKIPPED",
        )
        book.change_run(file.run_id, figures=book.facts.runs[file.run_id].figures - less)


def _list(book: Book, run_id: int, listed: ListedFile) -> str | None:
    """The state in which a version is recorded; None when it is known."""
    known = book.versions(listed.uri)
    if known and book.facts.files[known[-1]].etag == listed.etag:
        _take_back(book, run_id, known)
        return None
    ruled_out = book.may_be_loaded(listed.uri)
    if not ruled_out:
        _supersede(book, known)
    file = FileFacts(
        rank=len(book.facts.files) + 1,
        run_id=run_id,
        state="SKIPPED" if ruled_out else "PENDING",
        etag=listed.etag,
        size_bytes=listed.size_bytes,
        error_category="FILE_CHANGED" if ruled_out else None,
        error_retryable=False if ruled_out else None,
    )
    book.facts.files[listed.uri, len(known) + 1] = file
    book.discovered_in[listed.uri, len(known) + 1] = run_id
    return file.state


def _take_back(book: Book, run_id: int, known: list[FileKey]) -> None:
    """A version that was gone, or skipped for one that did not load after all, is listed again."""
    latest = book.facts.files[known[-1]]
    skipped = latest.state == "SKIPPED" and latest.error_category != "SKIPPED_BY_PERSON"
    gone = latest.state == "MISSING" or (skipped and len(known) > 1)
    if gone and not book.may_be_loaded(known[-1][0]):
        book.wait_again(known[-1], run_id=run_id)
        _supersede(book, known[:-1])


def _supersede(book: Book, older: list[FileKey]) -> None:
    for key in older:
        if book.facts.files[key].state in ("PENDING", "FAILED", "SKIPPED"):
            book.change_file(key, state="MISSING", error_category="FILE_CHANGED", error_retryable=False)
