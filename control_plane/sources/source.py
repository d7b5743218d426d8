"""What every source can do: list the objects under its folder, page by page, in byte order where
the store has one.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Protocol

from control_plane.domain.file import ListedFile, LoadError

CAUSE_CHARACTERS_MAX = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """Where the files of an ingestion are, and with what rights they are read.

    `path_style` unset means path style with an endpoint, else virtual hosts. No `access_key_id`
    means the default chain.
    """

    uri: str
    pattern: str = "**"
    exclude: tuple[str, ...] = ()
    endpoint: str | None = None
    region: str | None = None
    path_style: bool | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingPage:
    """A page of a listing: the files that match, and what it cost to get them."""

    files: list[ListedFile]
    objects_listed: int
    requests: int


class Source(Protocol):
    """A folder of files.

    Pages come in ascending byte order of `uri` within and across pages while `ordered` is true. A
    store that breaks the order turns it false before it gives the page: look at it again after
    each.
    """

    ordered: bool

    def list(self) -> AsyncGenerator[ListingPage, None]:
        """Lists every object whose path matches; raises SourceError with a category when the store
        refuses or is away.

        The next page is fetched while the caller works on one, so close what is not read to its end
        (`aclosing`).
        """
        ...


class SourceError(Exception):
    """A source cannot be listed; `error` says why, and whether trying again can help."""

    def __init__(self, error: LoadError) -> None:
        super().__init__(f"{error.category}: {error.message}")
        self.error = error


def source_error(category: str, message: str, *, cause: str = "", retryable: bool = False) -> SourceError:
    """Makes a SourceError, with its raw cause cut to the length that is stored."""
    return SourceError(
        LoadError(
            category=category,
            message=message,
            cause=cause[:CAUSE_CHARACTERS_MAX],
            retryable=retryable,
        )
    )


def load_error_of(failure: Exception) -> LoadError:
    """What a failed listing says to a person; of a failure that nobody foresaw, no more than its kind."""
    if isinstance(failure, SourceError):
        return failure.error
    return LoadError(
        category="UNKNOWN",
        message="The source could not be listed, for a reason that Autoloader does not know; its log has the details.",
        cause=type(failure).__name__,
        retryable=True,
    )
