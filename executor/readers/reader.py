"""The seam between formats: what a reader does, and which reader a format has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from executor.errors import attempt_failed
from executor.lease import Category
from executor.readers.json_lines import JsonLines

Record = Mapping[str, Any]


class Reader(Protocol):
    """Reads files of one format."""

    def read(
        self,
        spark: SparkSession,
        paths: Sequence[str],
        *,
        schema: StructType,
        rejected: str,
        options: Mapping[str, str],
    ) -> DataFrame:
        """Rows of exactly these paths, with the schema's columns and a column named `rejected`.

        That column is null in rows that were read in full, else it has the raw text.
        """
        ...

    def records(self, head: bytes, *, is_whole: bool) -> Iterator[Record | ValueError]:
        """The records in the first bytes of a file, an error for each that is none.

        Of a head that is not the whole file, a cut-off last record is left out.
        """
        ...

    def leftovers(self, spark: SparkSession, paths: Sequence[str], *, options: Mapping[str, str]) -> DataFrame:
        """Names of files and the texts in them that `read` would pass over without a word: `name`, `text`."""
        ...

    def surely_has_no_leftovers(self, chunks: Iterable[bytes]) -> bool:
        """Whether that can be told of a file's bytes at a glance; a no means nothing."""
        ...


def reader_of(format_name: str) -> Reader:
    if format_name != "json":
        raise attempt_failed(
            Category.FORMAT_OPTIONS_INVALID,
            f"This executor reads json only yet, not {format_name}.",
            retryable=False,
        )
    return JsonLines()
