"""What can be seen of a ledger, as plain values: the model keeps them, and what PostgreSQL holds is read into them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

FileKey = tuple[str, int]
"""A version of an object: its uri and generation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedFacts:
    """What counts for a lease: the snapshot S, staged by an attempt on the head H, and what it was published as."""

    attempt: str
    table_uuid: str
    base_snapshot_id: int
    staged_snapshot_id: int
    published_snapshot_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseFacts:
    """A lease; `expired` and `resting` hold its deadline and its rest against the database's clock."""

    run_id: int
    state: str
    file_count: int
    size_bytes: int
    fence: int = 0
    attempt: str | None = None
    attempts: int = 0
    executors_lost: int = 0
    begun: bool = False
    holder: str | None = None
    request_id: str | None = None
    expired: bool = False
    resting: bool = False
    records_written: tuple[int, ...] | None = None
    records_rejected: int = 0
    files_excepted: int = 0
    error_category: str | None = None
    staged: StagedFacts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """A version of an object; `rank` is its place in the order of discovery."""

    rank: int
    run_id: int
    state: str
    etag: str
    size_bytes: int
    lease_id: str | None = None
    attempts: int = 0
    executors_lost: int = 0
    records_written: int = 0
    records_rejected: int = 0
    snapshot_id: int | None = None
    error_category: str | None = None
    error_retryable: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a run counts, and an ingestion since its beginning."""

    files_discovered: int = 0
    files_processed: int = 0
    files_failed: int = 0
    files_skipped: int = 0
    files_missing: int = 0
    records_written: int = 0
    records_rejected: int = 0
    bytes_read: int = 0

    def __add__(self, more: Figures) -> Figures:
        return Figures(**{each.name: getattr(self, each.name) + getattr(more, each.name) for each in fields(self)})

    def __sub__(self, less: Figures) -> Figures:
        return Figures(**{each.name: getattr(self, each.name) - getattr(less, each.name) for each in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """A run; `errors` has the categories that it tells and how many files each is about."""

    state: str
    cancelled: bool = False
    listed: bool = False
    stopped: bool = False
    figures: Figures = field(default_factory=Figures)
    snapshot_ids: tuple[int, ...] = ()
    errors: frozenset[tuple[str, int]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFacts:
    """Everything, by key; `attempts` has every hand-out as (lease, fence, holder), `verified` a head for each table."""

    runs: dict[int, RunFacts] = field(default_factory=dict)
    leases: dict[str, LeaseFacts] = field(default_factory=dict)
    files: dict[FileKey, FileFacts] = field(default_factory=dict)
    attempts: dict[str, tuple[str, int, str]] = field(default_factory=dict)
    verified: dict[str, int] = field(default_factory=dict)
    totals: Figures = field(default_factory=Figures)
    counters: dict[str, int] = field(default_factory=dict)


def difference(expected: LedgerFacts, seen: LedgerFacts) -> str:
    """One line for each key that differs, empty when nothing does."""
    lines: list[str] = []
    for each in fields(LedgerFacts):
        of_model, of_ledger = getattr(expected, each.name), getattr(seen, each.name)
        if isinstance(of_model, Figures):
            of_model, of_ledger = {"": of_model}, {"": of_ledger}
        lines += [
            f"{each.name} {key}:\n    the model has  {of_model.get(key)}\n    the ledger has {of_ledger.get(key)}"
            for key in sorted({*of_model, *of_ledger}, key=str)
            if of_model.get(key) != of_ledger.get(key)
        ]
    return "\n".join(lines)
