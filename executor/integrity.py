"""Files that Spark would read in part and take for whole."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from executor.compression import check_bzip2
from executor.lease import Category, Failure, LeasedFile
from executor.roster import Roster
from executor.storage import FileTrouble, Store

_READS_AT_ONCE = 4


def drop_broken_bzip2(roster: Roster, store: Store) -> None:
    """Reads the files that are compressed so, whole: Spark would not notice what is missing in them."""
    packed = [index for index, file in roster.unempty.items() if file.uri.endswith(".bz2")]
    with ThreadPoolExecutor(_READS_AT_ONCE) as threads:
        troubles = threads.map(lambda index: _bzip2_trouble(roster.files[index], store), packed)
        for index, trouble in zip(packed, troubles, strict=True):
            if trouble:
                roster.drop(index, trouble)


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
