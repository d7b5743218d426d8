"""What scenes are played on: a Spark, a PostgreSQL, and executors' points in the scene's hand."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from executor import failpoints
from executor.spark import Sessions, SparkSettings
from tests.executor.lake import Lake
from tests.postgres import PostgresServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """`settings` are those that the sessions were started with; the catalog is in `lake_folder`."""

    sessions: Sessions
    settings: SparkSettings
    lake_folder: Path
    postgres: PostgresServer
    folder: Path

    def lake(self) -> Lake:
        """A namespace and a folder of its own."""
        return Lake(self.sessions, self.own_folder())

    def own_folder(self) -> Path:
        folder = self.folder / uuid.uuid4().hex
        folder.mkdir()
        return folder


# Ends well when everything is right, and raises otherwise.
Scene = Callable[[Ground], Awaitable[None]]


@contextmanager
def passing(hook: Callable[[str], None]) -> Iterator[None]:
    """Has the hook called with each point that an executor of this process passes."""
    failpoints.arm(hook)
    try:
        yield
    finally:
        failpoints.arm(_go_on)


def _go_on(_: str) -> None:
    """As in service."""
