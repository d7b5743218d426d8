"""What comes of a lease, for the executor that held it."""

from __future__ import annotations

from enum import StrEnum


class Ending(StrEnum):
    """The ways in which work on a lease ends."""

    PUBLISHED = "published"
    FAILED = "failed"
    NOT_PUBLISHED = "not_published"
    IN_DOUBT = "in_doubt"
    RELEASED = "released"
    FENCED = "fenced"
    LOST = "lost"
    CLOCK_WRONG = "clock_wrong"
    ABANDONED = "abandoned"
    PREVIEWED = "previewed"

    @property
    def is_orderly(self) -> bool:
        """Whether to ask for the next lease at once; else something needs time to get well."""
        return self not in {Ending.RELEASED, Ending.LOST, Ending.CLOCK_WRONG, Ending.ABANDONED}
