"""The words of a preview: what is to be read, and what was seen."""

from __future__ import annotations

from dataclasses import dataclass

from executor.lease import Failure, LeasedFile, LoadWork, UnknownField
from executor.schema.words import Change, Column


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewWork:
    """Files to read as a load would, to show so many of their rows, and of the records that cannot be read."""

    load: LoadWork
    row_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewedFile:
    """What was seen of a file, whole or in its first records; `failure` is why nothing of it would be loaded."""

    file: LeasedFile
    records_read: int
    records_rejected: int
    is_whole: bool
    failure: Failure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the file at `index`, as a JSON object."""

    index: int
    json: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A record of the file at `index` that cannot be read, and why; `record` is its number, 0 if that is not known."""

    index: int
    record: int
    content: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a load would make of the files. `failure`: why it would load none, whatever is in them.

    `changes` are those that it would make, of a table that is there; `held` are those that wait for a person.
    """

    files: tuple[PreviewedFile, ...]
    columns: tuple[Column, ...] = ()
    rows: tuple[Row, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    table_exists: bool = False
    changes: tuple[Change, ...] = ()
    held: tuple[Change, ...] = ()
    unknown: tuple[UnknownField, ...] = ()
    failure: Failure | None = None
