"""The ledger's figures, as monitoring sees them: counts since the beginning, and what is under way now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from control_plane.domain.file import FileState
from control_plane.domain.lease import LeaseState
from control_plane.domain.run import RunState, Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestionFigures:
    """Figures of one ingestion. All counts are since it was created, but `files_pending`, which is
    now.

    `files` counts, by the state they came to, files that came to rest; `runs` those at rest,
    `file_errors` by category.
    """

    ingestion: str
    files: Mapping[FileState, int] = field(default_factory=dict)
    records_written: int = 0
    records_rejected: int = 0
    bytes_read: int = 0
    runs: Mapping[tuple[RunState, Trigger], int] = field(default_factory=dict)
    file_errors: Mapping[str, int] = field(default_factory=dict)
    listing_requests: int = 0
    lease_expirations: int = 0
    leases_fenced: int = 0
    files_pending: int = 0
    oldest_pending_time: datetime | None = None
    last_success_time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Figures of all ingestions, the deleted ones included: a counter never falls. `leases` counts
    those not at rest.
    """

    ingestions: tuple[IngestionFigures, ...] = ()
    leases: Mapping[LeaseState, int] = field(default_factory=dict)
