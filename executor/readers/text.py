"""Plain text: a line is a record, or a file is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructType

from executor.readers.json_text import BYTE_ORDER_MARK
from executor.readers.paths import load
from executor.readers.reader import Layout, Record
from executor.readers.untyped import Untyped
from executor.schema.observed import Fields

VALUE = "value"


class Text(Untyped):
    """One column, `value`. Bytes that are not UTF-8 reject their record, and so does a NUL: UTF-16 has those."""

    may_overflow = False

    def __init__(self, *, whole_file: bool) -> None:
        self._whole_file = whole_file

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
        text = StructType().add(VALUE, StringType())
        reader = spark.read.format("text").schema(text).options(wholetext=str(self._whole_file).lower(), **options)
        value = F.col(VALUE)
        rows = load(spark, reader, paths)
        if self._whole_file:
            # Of lines, Spark leaves out the mark by itself.
            rows = rows.withColumn(VALUE, F.ltrim(value, F.lit(BYTE_ORDER_MARK))).where(value != "")
        is_text = F.is_valid_utf8(value) & ~F.contains(value, F.lit("\0"))
        return rows.withColumn(rejected, F.when(~is_text, value))

    def records(self, head: bytes, *, is_whole: bool) -> Iterator[Record | ValueError]:
        if head:
            yield {VALUE: ""}

    def fields(self, chunks: Iterable[bytes]) -> Fields:
        return Fields(columns=StructType().add(VALUE, StringType()))

    def count_at_a_glance(self, chunks: Iterable[bytes]) -> int | None:
        return None

    def reason(self, text: str, types: Mapping[str, str], *, layout: Layout | None) -> str:
        return "its text is not UTF-8"
