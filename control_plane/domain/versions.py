"""Decides what a listed object is: new, known, a changed version, or back again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from control_plane.domain.file import FileState, ListedFile

CHANGED = (
    "The object was overwritten, and an earlier version of it is loaded or being loaded;"
    " changed versions are not loaded."
)


@dataclass(frozen=True, slots=True)
class KnownVersion:
    """A version that the ledger has of an object.

    `in_doubt`: its rows may be in the table; `ruled_out`: by a person, until a person says otherwise.
    """

    generation: int
    state: FileState
    version: str
    in_doubt: bool = False
    ruled_out: bool = False


class Move(Enum):
    """What to do with a listed object."""

    NOTHING = auto()
    RECORD = auto()
    REVIVE = auto()


@dataclass(frozen=True, slots=True)
class Decision:
    """A move and the generation that it is about; `skip` rules a recorded version out."""

    move: Move
    generation: int = 0
    skip: str = ""


def version_of(file: ListedFile) -> str:
    """The version of an object: its etag, else its size and modification time."""
    return file.etag or f"{file.size_bytes}:{file.modification_time_ns}"


def decide(listed: ListedFile, known: Sequence[KnownVersion]) -> Decision:
    """Decides by the versions known of the object, oldest first; there is at least one.

    Policy IGNORE: a changed version of a file that is loaded, or being loaded, is recorded and skipped; one of a file
    that never loaded takes its place.
    """
    latest = known[-1]
    loaded = any(each.in_doubt or each.state in (FileState.PROCESSED, FileState.LEASED) for each in known)
    if latest.version != version_of(listed):
        return Decision(Move.RECORD, latest.generation + 1, CHANGED if loaded else "")
    back = latest.state is FileState.MISSING or (latest.state is FileState.SKIPPED and len(known) > 1)
    if back and not loaded and not latest.ruled_out and not listed.unsupported:
        return Decision(Move.REVIVE, latest.generation)
    return Decision(Move.NOTHING)
