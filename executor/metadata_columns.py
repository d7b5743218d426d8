"""The words for columns that no file has: where a row comes from, and when it was loaded."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MetadataKind(StrEnum):
    """What such a column says; the names of `MetadataColumn.Kind`."""

    SOURCE_FILE = "SOURCE_FILE"
    SOURCE_MODIFICATION_TIME = "SOURCE_MODIFICATION_TIME"
    LOAD_TIME = "LOAD_TIME"
    RUN = "RUN"


_TIMES = (MetadataKind.SOURCE_MODIFICATION_TIME, MetadataKind.LOAD_TIME)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataColumn:
    """A column that says something of where its rows come from; no other column has its name, whatever the case."""

    kind: MetadataKind
    name: str

    @property
    def type(self) -> str:
        """Its SQL type."""
        return "timestamp" if self.kind in _TIMES else "string"
