"""A preview: some files to be read by an executor, for somebody who waits to see what loading them would do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from control_plane.domain.ingestion import Column, Ingestion
from control_plane.domain.lease import LeasedFile
from control_plane.errors import Violation

FILES_DEFAULT = 5
FILES_MAX = 20
ROWS_DEFAULT = 20
ROWS_MAX = 1_000
# The fence of every preview: it is handed out to one executor, and to no other while that one has it.
FENCE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewTerms:
    """What is to be read, and under which columns, as a lease of the files would say it."""

    ingestion: Ingestion
    columns: tuple[Column, ...]
    schema_version: int
    ignored_fields: tuple[str, ...]
    files: tuple[LeasedFile, ...]
    row_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AcquiredPreview:
    """A preview as it is handed out."""

    preview_id: str
    attempt: str
    now: datetime
    terms: PreviewTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewState:
    """How far a preview is. `is_overdue`: who took it has not been heard of for as long as a lease lasts."""

    answer: bytes | None
    is_taken: bool
    is_overdue: bool


def check_bounds(*, file_count: int, row_count: int) -> Iterator[Violation]:
    """Names the bounds that are out of range; 0 is the default."""
    if not 0 <= file_count <= FILES_MAX:
        yield Violation("file_count", f"{file_count} is not 1 to {FILES_MAX}; 0 means {FILES_DEFAULT}")
    if not 0 <= row_count <= ROWS_MAX:
        yield Violation("row_count", f"{row_count} is not 1 to {ROWS_MAX}; 0 means {ROWS_DEFAULT}")
