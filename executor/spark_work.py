"""What an attempt asks of Spark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from executor.lease import LoadWork, PublishWork, StageResult
from executor.previewed import Preview, PreviewWork
from executor.publish import InDoubt, NotPublished, Published
from executor.schema.words import Evolve


class Loader(Protocol):
    """Every method blocks, and is called in a thread."""

    def stage(
        self,
        work: LoadWork,
        *,
        run: str,
        lease_id: str,
        attempt: str,
        evolve: Evolve,
        check_held: Callable[[], None],
        phase: Callable[[str], None],
    ) -> StageResult: ...

    def publish(
        self, work: PublishWork, *, ingestion: str, lease_id: str, check_held: Callable[[], None]
    ) -> Published | NotPublished | InDoubt: ...

    def keep_for_person(self, work: PublishWork, *, lease_id: str) -> None: ...

    def drop_branches(self, table: str, names: Sequence[str]) -> None: ...

    def preview(self, work: PreviewWork, *, check_held: Callable[[], None]) -> Preview: ...
