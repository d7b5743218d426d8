"""JSON, one record a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from executor.readers.overflow import any_infinity
from executor.readers.paths import load

Bytes = NDArray[numpy.uint8]
Marks = NDArray[numpy.bool_]

_LINE_FEED, _RETURN, _BRACKET, _BRACE = b"\n\r[}"
_BYTE_ORDER_MARK = "\ufeff"
_STRICT = {
    "multiLine": "false",
    "allowSingleQuotes": "false",
    "allowNonNumericNumbers": "false",
}


class JsonLines:
    """A record is an object; an array of objects on a line is that many records."""

    def read(
        self,
        spark: SparkSession,
        paths: Sequence[str],
        *,
        schema: StructType,
        rejected: str,
        options: Mapping[str, str],
    ) -> DataFrame:
        rows = load(
            spark,
            spark.read.format("json")
            .schema(StructType([*schema.fields, StructField(rejected, StringType())]))
            .options(mode="PERMISSIVE", columnNameOfCorruptRecord=rejected, **_STRICT, **options),
            paths,
        )
        # Spark reads 1e400 as infinity without a word; JSON itself has no infinity.
        overflowed = any_infinity(schema)
        if overflowed is None:
            return rows
        return rows.withColumn(rejected, F.when(overflowed, F.lit("")).otherwise(F.col(rejected)))

    def read_trusting(
        self, spark: SparkSession, paths: Sequence[str], *, schema: StructType, options: Mapping[str, str]
    ) -> DataFrame:
        return load(
            spark, spark.read.format("json").schema(schema).options(mode="FAILFAST", **_STRICT, **options), paths
        )

    def records(self, head: bytes, *, is_whole: bool) -> Iterator[Mapping[str, Any] | ValueError]:
        lines = head.removeprefix(b"\xef\xbb\xbf").splitlines()
        if not is_whole and not head.endswith((b"\n", b"\r")):
            lines = lines[:-1]
        for line in lines:
            if line.strip():
                yield from _records_of_line(line)

    def leftovers(self, spark: SparkSession, paths: Sequence[str], *, options: Mapping[str, str]) -> DataFrame:
        """Lines with more than one value on them, of which Spark reads the first only."""
        line = F.ltrim(F.col("value"), F.lit(_BYTE_ORDER_MARK))
        is_flat = F.instr(line, "}") == F.length(F.rtrim(line))
        is_clear = (is_flat & ~F.startswith(F.ltrim(line), F.lit("["))) | _is_one_value(line)
        lines = load(spark, spark.read.format("text").options(**options), paths).where(~is_clear & (F.trim(line) != ""))
        return lines.select(F.input_file_name().alias("name"), F.col("value").alias("text"))

    def count_at_a_glance(self, chunks: Iterable[bytes]) -> int | None:
        """Flat records only: each closing brace ends its line, so a line has one record, or is blank."""
        lines, last = 0, b"\n"
        for chunk in chunks:
            seamed = last + chunk
            text = numpy.frombuffer(seamed, numpy.uint8)
            feeds = text == _LINE_FEED
            if not _has_a_record_a_line(seamed, text, feeds):
                return None
            lines += int(numpy.count_nonzero(feeds[1:]))
            last = chunk[-1:]
        return lines + (last != b"\n")


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


def _is_one_value(line: Column) -> Column:
    """Whether the line is one JSON value and nothing else, by what JSON allows around a value.

    As a field's value, only a comma and another field could follow it; as an array's element, only
    a comma and another value. What is fit to be both is followed by neither. The mark tells that
    nothing closed the text early.
    """
    text = F.concat(F.lit('{"field":'), line, F.lit(',"elements":['), line, F.lit('],"mark":true}'))
    return F.coalesce(F.from_json(text, "mark boolean")["mark"], F.lit(False))


def _records_of_line(line: bytes) -> Iterator[Mapping[str, Any] | ValueError]:
    try:
        value = json.loads(line.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        yield error if isinstance(error, ValueError) else ValueError("nested too deeply")
        return
    for record in value if isinstance(value, list) else [value]:
        if isinstance(record, dict):
            yield record
        else:
            yield ValueError("a record must be an object")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
