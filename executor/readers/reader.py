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

    def read_trusting(
        self, spark: SparkSession, paths: Sequence[str], *, schema: StructType, options: Mapping[str, str]
    ) -> DataFrame:
        """The same rows, in less time, without that column: a record that cannot be read ends the job.

        But numbers beyond the range of their type pass, as infinite ones.
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

    def count_at_a_glance(self, chunks: Iterable[bytes]) -> int | None:
        """The number of a file's records, where its bytes show that it has no leftovers; else None.

        Of a file with blanks in place of records, a larger number. Only of a file of which no
        record is rejected does it say anything.
        """
        ...


def reader_of(format_name: str) -> Reader:
    if format_name != "json":
        raise attempt_failed(
            Category.FORMAT_OPTIONS_INVALID,
            f"This executor reads json only yet, not {format_name}.",
            retryable=False,
        )
    return JsonLines()
