"""The seam between formats: what a reader does."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from executor.schema.observed import Fields
from executor.schema.words import Column

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a file says of its columns, equal where two files say the same; and its number of records, if it tells."""

    text: str
    records: int | None = None


class Reader(Protocol):
    """Reads files of one format, with the options of one ingestion."""

    # Whether a file says what columns it has: then each file is asked, before any is read.
    has_layouts: bool
    # Whether files have types. Else values are text, and columns are guessed from a sample of records.
    is_typed: bool
    # Whether a field is found by the exact name of its column alone; else by its name in whatever case.
    is_exact: bool
    # Whether a number beyond the range of its type passes as an infinite one, where no rejects are asked for.
    may_overflow: bool
    # Whether `check_whole` has to look at each file.
    checks_whole: bool
    # Whether the texts of rejected records are not those in the file, but what Spark makes of them.
    rewrites_texts: bool
    # Whether the numbers of records in a sample, or a layout, are those that are read.
    is_trusting: bool

    def layout(self, content: BinaryIO) -> Layout:
        """What a file says of its columns; of an untyped one, `content` is the first MiB, decompressed.

        Raises ValueError when it is not of this format.
        """
        ...

    def names(self, layout: Layout) -> Sequence[str]:
        """The names of columns in the layout of an untyped file."""
        ...

    def columns(self, spark: SparkSession, path: str, *, options: Mapping[str, str]) -> StructType:
        """The columns of a file with types, as Spark reads them."""
        ...

    def read(
        self,
        spark: SparkSession,
        paths: Sequence[str],
        *,
        schema: StructType,
        rejected: str,
        options: Mapping[str, str],
        layout: Layout | None = None,
    ) -> DataFrame:
        """Rows of exactly these paths, with the schema's columns and a column named `rejected`.

        That column is null in rows that were read in full, else it has the raw text. All of the
        files have the layout, where the format has any.
        """
        ...

    def read_apart(
        self,
        spark: SparkSession,
        paths: Sequence[str],
        *,
        schema: StructType,
        rejected: str,
        record: str,
        options: Mapping[str, str],
        layout: Layout | None = None,
    ) -> DataFrame:
        """The same, where `read` would pass something over with a row that is rejected for it.

        The column named `record` numbers the records of a task's files from 1, by their lines where a record is one.
        """
        ...

    def texts(self, chunks: Iterable[bytes], numbers: Collection[int]) -> Mapping[int, str]:
        """The texts of records by their numbers, of a file's bytes, decompressed: asked for where they are rewritten.

        Raises ValueError when the file as a whole is broken, and not a record.
        """
        ...

    def read_trusting(
        self, spark: SparkSession, paths: Sequence[str], *, schema: StructType, options: Mapping[str, str]
    ) -> DataFrame:
        """The same rows, in less time, without that column: a record that cannot be read ends the job."""
        ...

    def records(self, head: bytes, *, is_whole: bool) -> Iterator[Record | ValueError]:
        """The records in the first bytes of a file, an error for each that is none.

        Of a head that is not the whole file, a cut-off last record is left out.
        """
        ...

    def fields(self, chunks: Iterable[bytes]) -> Fields:
        """The fields of a file that has no layout, of all of its bytes, decompressed. Raises ValueError."""
        ...

    def guess(self, records: Iterable[Record]) -> tuple[Column, ...]:
        """Columns for records of a sample, where values are text."""
        ...

    def check_whole(self, read: Callable[[], Iterable[bytes]]) -> None:
        """Looks at all bytes of a file, decompressed, for what Spark would pass over. Raises ValueError."""
        ...

    def leftovers(self, spark: SparkSession, paths: Sequence[str], *, options: Mapping[str, str]) -> DataFrame | None:
        """Names of files and the texts in them that `read` would pass over without a word: `name`, `text`.

        None of a format of which nothing is passed over.
        """
        ...

    def count_at_a_glance(self, chunks: Iterable[bytes]) -> int | None:
        """The number of a file's records, where its bytes show that it has no leftovers; else None.

        Of a file with blanks in place of records, a larger number. Only of a file of which no
        record is rejected does it say anything.
        """
        ...

    def reason(self, text: str, types: Mapping[str, str], *, layout: Layout | None) -> str:
        """Why a record of this raw text was rejected, for a person; `types` are those of the columns by name."""
        ...
