"""A bounded look at a source: what a run would find there, or with what error it would fail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from control_plane.domain.file import ListedFile, LoadError
from control_plane.sources.source import ListingPage, Source, SourceError, load_error_of, source_error

SAMPLES_MAX = 10
OBJECTS_MAX = 100_000
SECONDS_MAX = 10.0


@dataclass(slots=True, kw_only=True)
class Look:
    """What was found. Without an error and not complete, there was more than the look was allowed.

    `files` and `size_bytes` count what would be loaded, `unsupported` what matches and cannot be read under its name.
    """

    objects_listed: int = 0
    files: int = 0
    size_bytes: int = 0
    samples: list[ListedFile] = field(default_factory=list)
    unsupported: int = 0
    unsupported_samples: list[ListedFile] = field(default_factory=list)
    is_complete: bool = False
    error: LoadError | None = None


async def look_at(
    open_source: Callable[[], Source], *, seconds_max: float = SECONDS_MAX, objects_max: int = OBJECTS_MAX
) -> Look:
    """Lists the source until its end or until it has had enough; says by `error` why it could not."""
    look = Look()
    try:
        async with asyncio.timeout(seconds_max), aclosing(open_source().list()) as pages:
            async for page in pages:
                # A source may end with an empty page.
                if page.objects_listed and look.objects_listed >= objects_max:
                    return look
                _add(look, page)
    except TimeoutError:
        return look if look.objects_listed else replace(look, error=_silent(seconds_max))
    except Exception as failure:
        return replace(look, error=load_error_of(failure))
    return replace(look, is_complete=True)


async def first_files(
    open_source: Callable[[], Source], count: int, *, seconds_max: float = SECONDS_MAX, objects_max: int = OBJECTS_MAX
) -> list[ListedFile]:
    """The first files that would be loaded, of as many objects as a look looks at. Raises SourceError."""
    found: list[ListedFile] = []
    objects = 0
    try:
        async with asyncio.timeout(seconds_max), aclosing(open_source().list()) as pages:
            async for page in pages:
                found += [file for file in page.files if not file.unsupported]
                objects += page.objects_listed
                if len(found) >= count or objects >= objects_max:
                    break
    except TimeoutError as error:
        if not objects:
            raise SourceError(_silent(seconds_max)) from error
    except Exception as failure:
        raise SourceError(load_error_of(failure)) from failure
    return found[:count]


def _add(look: Look, page: ListingPage) -> None:
    readable = [file for file in page.files if not file.unsupported]
    unsupported = [file for file in page.files if file.unsupported]
    look.objects_listed += page.objects_listed
    look.files += len(readable)
    look.size_bytes += sum(file.size_bytes for file in readable)
    look.samples += readable[: SAMPLES_MAX - len(look.samples)]
    look.unsupported += len(unsupported)
    look.unsupported_samples += unsupported[: SAMPLES_MAX - len(look.unsupported_samples)]


def _silent(seconds: float) -> LoadError:
    message = f"The store gave no answer within {seconds:g} seconds; check the source's address and the network to it."
    return source_error("CONNECTIVITY", message, retryable=True).error
