"""The columns of an ingestion, version by version, and the changes between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from control_plane.domain.ingestion import Column, OnSchemaChange


class ChangeKind(StrEnum):
    """What a change does to a column, or to a field within one."""

    ADDED = "ADDED"
    WIDENED = "WIDENED"
    DROPPED = "DROPPED"
    RETYPED = "RETYPED"


class ChangeState(StrEnum):
    """What became of a change; `CHANGE_MOVES` has the arrows of those that a person is asked about."""

    APPLIED = "APPLIED"
    HELD = "HELD"
    REJECTED = "REJECTED"


CHANGE_MOVES: dict[ChangeState, frozenset[ChangeState]] = {
    ChangeState.HELD: frozenset({ChangeState.APPLIED, ChangeState.REJECTED}),
}


class Decision(StrEnum):
    """What a person says of a change that is held."""

    ACCEPT = "ACCEPT"
    REJECT = "REJECT"


class Origin(StrEnum):
    """Where a version comes from."""

    DECLARED = "DECLARED"
    INFERRED = "INFERRED"
    EVOLVED = "EVOLVED"
    ACCEPTED = "ACCEPTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of the column or field at `path`, as Spark's ALTER TABLE names it; types in their one spelling."""

    kind: ChangeKind
    path: str
    old_type: str = ""
    new_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedChange:
    """A change that files of a lease ask for; `files` are their indexes in it, ascending."""

    change: Change
    files: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaChange:
    """A change as the ledger has it: `change_id` is None unless a person was asked, `version` None unless it is made.

    `file_id` showed it first in `run_id`; both are None when a person made it. `file_count` files wait for it.
    """

    change: Change
    state: ChangeState
    create_time: datetime
    change_id: int | None = None
    file_id: int | None = None
    run_id: int | None = None
    version: int | None = None
    file_count: int = 0
    resolve_time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaVersion:
    """The columns from one change to the next; `version` counts from 1."""

    version: int
    columns: tuple[Column, ...]
    origin: Origin
    on_schema_change: OnSchemaChange
    create_time: datetime
    is_current: bool = True
    run_id: int | None = None
    changes: tuple[SchemaChange, ...] = ()
    change_count: int = 0
    held_changes: tuple[SchemaChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnsInForce:
    """The columns by which files are loaded, and their version; 0 when no version was stored."""

    columns: tuple[Column, ...]
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Columns that an executor offers, starting from `base_version`; by path, the file that shows it first."""

    columns: tuple[Column, ...]
    base_version: int = 0
    files: Mapping[str, int] = field(default_factory=dict)
