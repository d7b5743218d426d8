"""Files that Spark would read in part and take for whole."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from executor.compression import check_bzip2, opened
from executor.lease import Category, Failure, LeasedFile
from executor.readers.reader import Reader
from executor.roster import Roster
from executor.storage import FileTrouble, Store

_READS_AT_ONCE = 4
_CHUNK_BYTES = 4 << 20


def drop_broken_bzip2(roster: Roster, store: Store) -> None:
    """Reads the files that are compressed so, whole: Spark would not notice what is missing in them."""
    packed = [index for index, file in roster.unempty.items() if file.uri.endswith(".bz2")]
    with ThreadPoolExecutor(_READS_AT_ONCE) as threads:
        troubles = threads.map(lambda index: _bzip2_trouble(roster.files[index], store), packed)
        for index, trouble in zip(packed, troubles, strict=True):
            if trouble:
                roster.drop(index, trouble)


def drop_unchecked(roster: Roster, store: Store, reader: Reader) -> None:
    """Reads the files of a format of which Spark would pass something over, and drops those where it would."""
    if not reader.checks_whole:
        return
    files = roster.unempty
    with ThreadPoolExecutor(_READS_AT_ONCE) as threads:
        troubles = threads.map(lambda file: _whole_trouble(file, store, reader), files.values())
        for index, trouble in zip(files, troubles, strict=True):
            if trouble:
                roster.drop(index, trouble)


def content_of(file: LeasedFile, store: Store) -> Iterator[bytes]:
    """All bytes of a file, decompressed. Raises FileTrouble, OSError, EOFError."""
    with store.stream(file) as stream, opened(file.uri, stream) as content:
        while chunk := content.read(_CHUNK_BYTES):
            yield chunk


def _whole_trouble(file: LeasedFile, store: Store, reader: Reader) -> Failure | None:
    try:
        reader.check_whole(partial(content_of, file, store))
    except FileTrouble as trouble:
        return trouble.failure
    except (OSError, EOFError, ValueError) as error:
        return not_of_its_format(error)
    return None


def _bzip2_trouble(file: LeasedFile, store: Store) -> Failure | None:
    try:
        with store.open(file) as content:
            check_bzip2(content)
    except FileTrouble as trouble:
        return trouble.failure
    except ValueError as error:
        return not_of_its_format(error)
    return None


def not_of_its_format(error: Exception) -> Failure:
    return Failure(
        category=Category.DATA_MALFORMED,
        message="The file is not what the ingestion's format says, or is broken.",
        cause=str(error),
    )
