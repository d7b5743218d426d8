"""CSV: columns by the names in each file's header."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import islice
from operator import or_
from typing import BinaryIO

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from executor.lease import Format
from executor.readers.csv_text import Dialect, names_of
from executor.readers.decimals import as_read, exact
from executor.readers.json_text import misfit
from executor.readers.leaves import any_infinity, any_replacement
from executor.readers.lexical import value_of
from executor.readers.paths import load
from executor.readers.reader import Layout, Record
from executor.readers.untyped import Untyped
from executor.schema.observed import Fields, of_records
from executor.sql import quoted

_HEADER_BYTES_MAX = 1 << 20
_NOTHING = "__autoloader_nothing"


class Csv(Untyped):
    """Spark finds columns by their position: files are read by groups of equal headers, and their columns by name."""

    is_exact = False
    checks_whole = True

    def __init__(self, format: Format, *, names: Sequence[str]) -> None:
        """`names` are those of columns where files have no header; none are known before the first file."""
        options = {name: str(value) for name, value in format.options.items()}
        quote = options.get("quote", '"')
        self._dialect = Dialect(
            delimiter=options.get("delimiter", ","),
            quote=quote,
            escape=options.get("escape", quote),
            comment=options.get("comment", ""),
            null_value=options.get("null_value", ""),
            encoding=options.get("encoding", "UTF-8"),
        )
        self._names = list(names)
        self.has_layouts = bool(format.options.get("header", True))
        self._options = {
            **format.reader_options,
            "sep": self._dialect.delimiter,
            "quote": self._dialect.quote,
            "escape": self._dialect.escape,
            "nullValue": self._dialect.null_value,
            "encoding": self._dialect.encoding,
            "multiLine": str(format.options.get("multi_line", True)).lower(),
            "header": str(self.has_layouts).lower(),
            # A quote within a value is one that was not doubled, or not closed.
            "unescapedQuoteHandling": "RAISE_ERROR",
            # A row is only known to be ragged where all of it is parsed.
            "columnPruning": "false",
        }
        if self._dialect.comment:
            self._options["comment"] = self._dialect.comment

    def layout(self, content: BinaryIO) -> Layout:
        head = content.read(_HEADER_BYTES_MAX)
        header = next(self._dialect.rows(head, is_whole=len(head) < _HEADER_BYTES_MAX), [])
        return Layout(text=json.dumps(names_of(header)))

    def names(self, layout: Layout) -> Sequence[str]:
        return _names(layout)

    def check_whole(self, read: Callable[[], Iterable[bytes]]) -> None:
        """A quote that is not closed at the file's end takes all that follows it for one value."""
        if self._dialect.may_be_open(read()):
            self._dialect.check_closed(read())

    def fields(self, chunks: Iterable[bytes]) -> Fields:
        """Of files without a header: the width of the first rows."""
        head = b"".join(islice(chunks, 1))
        found = self.records(head, is_whole=len(head) < _HEADER_BYTES_MAX)
        return of_records(record for record in found if not isinstance(record, ValueError))

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
        types = {field.name.lower(): field.dataType for field in schema}
        names = _names(layout) if layout else schema.names
        # Of a file that says nothing, not even a name, there is one column all the same: Spark wants one.
        columns = StructType([StructField(name, types.get(name.lower(), StringType())) for name in names or [_NOTHING]])
        reader = (
            spark.read.format("csv")
            .schema(StructType([*as_read(columns, self._options), StructField(rejected, StringType())]))
            .options(mode="PERMISSIVE", columnNameOfCorruptRecord=rejected, **self._options, **options)
        )
        rows = exact(
            load(spark, reader, paths), columns, rejected=rejected, options=self._options, raw=_as_raw(columns)
        )
        rows = rows.withColumn(rejected, F.coalesce(F.col(quoted(rejected)), _unread(columns)))
        sources = {name.lower(): name for name in names}
        return rows.select(*(_picked(field, sources.get(field.name.lower())) for field in schema), quoted(rejected))

    def records(self, head: bytes, *, is_whole: bool) -> Iterator[Record | ValueError]:
        try:
            rows = list(self._dialect.rows(head, is_whole=is_whole))
            names = names_of(rows.pop(0)) if rows and self.has_layouts else self._names
        except ValueError as error:
            yield error
            return
        for row in rows:
            of_row = names or names_of([""] * len(row))
            if len(row) != len(of_row):
                yield ValueError(f"it has {len(row)} values where the header has {len(of_row)} names")
            else:
                values = (value_of(text, null_value=self._dialect.null_value) for text in row)
                yield dict(zip(of_row, values, strict=True))

    def count_at_a_glance(self, chunks: Iterable[bytes]) -> int | None:
        return None

    def reason(self, text: str, types: Mapping[str, str], *, layout: Layout | None) -> str:
        row = self._dialect.row(text)
        names = _names(layout) if layout else list(types)
        if len(row) != len(names):
            return f"it has {len(row)} values where {len(names)} columns are named"
        if row[-1].endswith("\r"):
            return "its line does not end as the first one of the file"
        values = (value_of(value, null_value=self._dialect.null_value) for value in row)
        return misfit(dict(zip(names, values, strict=True)), types) or f"its text is not {self._dialect.encoding}"


def _names(layout: Layout) -> list[str]:
    names: list[str] = json.loads(layout.text)
    return names


def _picked(field: StructField, source: str | None) -> Column:
    if source is None:
        return F.lit(None).cast(field.dataType).alias(field.name)
    return F.col(quoted(source)).alias(field.name)


def _unread(columns: StructType) -> Column:
    """The row as text, where Spark put other values in place of what it could not read."""
    tests = [test for test in (any_infinity(columns), any_replacement(columns)) if test is not None]
    if isinstance(columns[-1].dataType, StringType):
        # Spark takes the file's first line end, even one within quotes, for that of all lines.
        tests.append(F.endswith(F.col(quoted(columns[-1].name)), F.lit("\r")))
    if not tests:
        return F.lit(None).cast("string")
    return F.when(reduce(or_, tests), _as_raw(columns))


def _as_raw(columns: StructType) -> Column:
    values = F.struct(*(F.col(quoted(name)) for name in columns.names))
    return F.to_csv(values, {"ignoreLeadingWhiteSpace": "false", "ignoreTrailingWhiteSpace": "false"})
