"""JSON, one record a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from executor.readers import json_text
from executor.readers.decimals import as_read, exact
from executor.readers.json_apart import rows_of_texts, trimmed
from executor.readers.json_fields import fields_of_lines
from executor.readers.json_text import (
    BYTE_ORDER_MARK,
    STRICT,
    has_half_character,
    is_one_value,
    may_have_half_character,
    records_of,
    reject_overflow,
)
from executor.readers.numbered import number_in_task
from executor.readers.paths import load
from executor.readers.reader import Layout, Record
from executor.readers.untyped import Untyped
from executor.schema.observed import Fields

Bytes = NDArray[numpy.uint8]
Marks = NDArray[numpy.bool_]

_LINE_FEED, _RETURN, _BRACKET, _BRACE = b"\n\r[}"


class JsonLines(Untyped):
    """A record is an object; an array of objects on a line is that many records."""

    is_trusting = True

    def __init__(self, reader_options: Mapping[str, str]) -> None:
        self._options = {**reader_options, **STRICT, "multiLine": "false"}

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
        rows = load(
            spark,
            spark.read.format("json")
            .schema(StructType([*as_read(schema, self._options), StructField(rejected, StringType())]))
            .options(mode="PERMISSIVE", columnNameOfCorruptRecord=rejected, **self._options, **options),
            paths,
        )
        rows = exact(rows, schema, rejected=rejected, options=self._options)
        return reject_overflow(rows, schema, rejected=rejected)

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
        line = F.col("text")
        lines = (
            load(spark, spark.read.format("text").options(**options), paths)
            .select(trimmed(F.col("value")).alias("text"), number_in_task().alias("number"))
            .where(line != "")
            .withColumn("is_clear", _is_clear(line))
        )
        return rows_of_texts(lines, schema=schema, rejected=rejected, record=record, options=self._options)

    def read_trusting(
        self, spark: SparkSession, paths: Sequence[str], *, schema: StructType, options: Mapping[str, str]
    ) -> DataFrame:
        return load(
            spark, spark.read.format("json").schema(schema).options(mode="FAILFAST", **self._options, **options), paths
        )

    def records(self, head: bytes, *, is_whole: bool) -> Iterator[Record | ValueError]:
        lines = head.removeprefix(BYTE_ORDER_MARK.encode()).splitlines()
        if not is_whole and not head.endswith((b"\n", b"\r")):
            lines = lines[:-1]
        for line in lines:
            if line.strip():
                yield from records_of(line)

    def fields(self, chunks: Iterable[bytes]) -> Fields:
        return fields_of_lines(chunks)

    def leftovers(self, spark: SparkSession, paths: Sequence[str], *, options: Mapping[str, str]) -> DataFrame | None:
        """Lines with more than one value on them, of which Spark reads the first only, or with half a character."""
        line = F.ltrim(F.col("value"), F.lit(BYTE_ORDER_MARK))
        lines = load(spark, spark.read.format("text").options(**options), paths)
        lines = lines.where(~_is_clear(line) & (F.trim(line) != ""))
        return lines.select(F.input_file_name().alias("name"), F.col("value").alias("text"))

    def count_at_a_glance(self, chunks: Iterable[bytes]) -> int | None:
        """Flat records only: each closing brace ends its line, so a line has one record, or is blank."""
        lines, last = 0, b"\n"
        for chunk in chunks:
            seamed = last + chunk
            text = numpy.frombuffer(seamed, numpy.uint8)
            feeds = text == _LINE_FEED
            if not _has_a_record_a_line(seamed, text, feeds) or may_have_half_character(chunk):
                return None
            lines += int(numpy.count_nonzero(feeds[1:]))
            last = chunk[-1:]
        return lines + (last != b"\n")

    def reason(self, text: str, types: Mapping[str, str], *, layout: Layout | None) -> str:
        return json_text.reason(text, types)


def _is_clear(line: Column) -> Column:
    """Whether nothing follows the value on a line, and each character in it is whole."""
    is_flat = F.instr(line, "}") == F.length(F.rtrim(line))
    is_single = (is_flat & ~F.startswith(F.ltrim(line), F.lit("["))) | is_one_value(line)
    return is_single & ~has_half_character(line)


def _has_a_record_a_line(chunk: bytes, text: Bytes, feeds: Marks) -> bool:
    """`text` is the chunk; what it has none of is not looked for."""
    ends = feeds
    if b"\r" in chunk:
        returns = text == _RETURN
        ends = feeds | returns
        if not _only_before(feeds, these=returns):
            return False
    has_no_array = b"[" not in chunk or _only_before(text != _BRACKET, these=feeds)
    return has_no_array and _only_before(ends, these=text == _BRACE)


def _only_before(those: Marks, *, these: Marks) -> bool:
    """Whether each of these has one of those after it; of the last nothing is known yet."""
    return not bool((these[:-1] > those[1:]).any())
