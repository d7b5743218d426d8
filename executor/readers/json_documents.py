"""JSON, one document a file."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from executor.readers import json_text
from executor.readers.decimals import as_read, exact
from executor.readers.json_apart import rows_of_texts, trimmed
from executor.readers.json_fields import refuse_beyond_bounds
from executor.readers.json_text import (
    BYTE_ORDER_MARK,
    STRICT,
    as_record,
    check_json,
    has_half_character,
    is_one_value,
    records_of,
    reject_overflow,
)
from executor.readers.paths import load
from executor.readers.reader import Layout, Record
from executor.readers.untyped import Untyped
from executor.schema.observed import Fields, of_records


class JsonDocuments(Untyped):
    """A file is an object, which is one record, or an array of objects, which is as many."""

    is_trusting = True
    rewrites_texts = True

    def __init__(self, reader_options: Mapping[str, str]) -> None:
        self._options = {**reader_options, **STRICT, "multiLine": "true"}

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
        reader = (
            spark.read.format("json")
            .schema(StructType([*as_read(schema, self._options), StructField(rejected, StringType())]))
            .options(mode="PERMISSIVE", columnNameOfCorruptRecord=rejected, **self._options, **options)
        )
        rows = load(spark, reader, paths)
        # Of a file that is nothing but the mark, Spark makes a record that it cannot read.
        rows = rows.where(~F.col(rejected).eqNullSafe(BYTE_ORDER_MARK))
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
        document = F.col("text")
        documents = (
            load(spark, spark.read.format("text").options(wholetext="true", **options), paths)
            .select(trimmed(F.col("value")).alias("text"), F.lit(None).alias("number"))
            .where(document != "")
            .withColumn("is_clear", is_one_value(document) & ~has_half_character(document))
        )
        return rows_of_texts(documents, schema=schema, rejected=rejected, record=record, options=self._options)

    def read_trusting(
        self, spark: SparkSession, paths: Sequence[str], *, schema: StructType, options: Mapping[str, str]
    ) -> DataFrame:
        reader = spark.read.format("json").schema(schema).options(mode="FAILFAST", **self._options, **options)
        return load(spark, reader, paths)

    def texts(self, chunks: Iterable[bytes], numbers: Collection[int]) -> Mapping[int, str]:
        """As they are in the document: Spark has them as it would write them."""
        text = b"".join(chunks).decode().removeprefix(BYTE_ORDER_MARK)
        check_json(text)
        return {number: found for number, found in enumerate(_texts_of_elements(text), start=1) if number in numbers}

    def records(self, head: bytes, *, is_whole: bool) -> Iterator[Record | ValueError]:
        text = head.removeprefix(BYTE_ORDER_MARK.encode())
        if not is_whole:
            yield from _first_elements(text.decode(errors="ignore"))
        elif text.strip():
            yield from records_of(text)
        elif head == BYTE_ORDER_MARK.encode():
            yield ValueError("it is nothing but a mark, which Spark takes for a record")

    def fields(self, chunks: Iterable[bytes]) -> Fields:
        held: list[bytes] = []
        for chunk in chunks:
            held.append(chunk)
            refuse_beyond_bounds(held)
        found = self.records(b"".join(held), is_whole=True)
        return of_records(record for record in found if not isinstance(record, ValueError))

    def leftovers(self, spark: SparkSession, paths: Sequence[str], *, options: Mapping[str, str]) -> DataFrame | None:
        """Documents that something follows, of which Spark reads the first only, and those with half a character."""
        text = F.ltrim(F.col("value"), F.lit(BYTE_ORDER_MARK))
        files = load(spark, spark.read.format("text").options(wholetext="true", **options), paths)
        found = files.where((~is_one_value(text) | has_half_character(text)) & (F.trim(text) != ""))
        return found.select(F.input_file_name().alias("name"), F.col("value").alias("text"))

    def count_at_a_glance(self, chunks: Iterable[bytes]) -> int | None:
        return None

    def reason(self, text: str, types: Mapping[str, str], *, layout: Layout | None) -> str:
        return json_text.reason(text, types)


def _first_elements(text: str) -> Iterator[Record | ValueError]:
    """The first elements of an array that is cut off somewhere; none of a document that is no array."""
    for value, _, _ in _elements(text):
        yield as_record(value)


def _texts_of_elements(text: str) -> Iterator[str]:
    """The texts of an array's elements, or of the one value that a document is."""
    if not text.lstrip().startswith("["):
        yield text.strip()
    for _, start, end in _elements(text):
        yield text[start:end]


def _elements(text: str) -> Iterator[tuple[Any, int, int]]:
    """The elements of an array, and from where to where they are, as far as there are any."""
    decoder, position = json.JSONDecoder(), _skipped(text, 0, "[")
    while position is not None:
        try:
            value, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            return
        yield value, position, end
        position = _skipped(text, end, ",")


def _skipped(text: str, position: int, sign: str) -> int | None:
    """The position of the next value after blanks and the sign; None where the sign is not there."""
    rest = text[position : position + 10_000].lstrip()
    if not rest.startswith(sign):
        return None
    start = text.index(sign, position) + 1
    return start + len(text[start : start + 10_000]) - len(text[start : start + 10_000].lstrip())
