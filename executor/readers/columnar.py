"""Parquet, ORC and Avro: files that say what columns they have, and of what types."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import BinaryIO

from pyarrow import ArrowException, orc, parquet
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from executor.readers.avro_header import read_header
from executor.readers.paths import load
from executor.readers.reader import Layout, Record
from executor.schema.observed import NO_FIELDS, Fields
from executor.schema.words import Column


class Columnar:
    """A record is whole or its file is broken: none is rejected, and nothing is passed over."""

    has_layouts = True
    is_typed = True
    may_overflow = False
    is_trusting = True
    checks_whole = False
    rewrites_texts = False
    is_exact = False
    spark_name = ""
    options: Mapping[str, str] = {}

    def names(self, layout: Layout) -> Sequence[str]:
        return ()

    def columns(self, spark: SparkSession, path: str, *, options: Mapping[str, str]) -> StructType:
        return load(spark, spark.read.format(self.spark_name).options(**self.options, **options), [path]).schema

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
        rows = self.read_trusting(spark, paths, schema=schema, options=options)
        return rows.withColumn(rejected, F.lit(None).cast("string"))

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
        rows = self.read(spark, paths, schema=schema, rejected=rejected, options=options)
        return rows.withColumn(record, F.lit(None).cast("bigint"))

    def read_trusting(
        self, spark: SparkSession, paths: Sequence[str], *, schema: StructType, options: Mapping[str, str]
    ) -> DataFrame:
        return load(spark, spark.read.format(self.spark_name).schema(schema).options(**self.options, **options), paths)

    def records(self, head: bytes, *, is_whole: bool) -> Iterator[Record | ValueError]:
        return iter(())

    def guess(self, records: Iterable[Record]) -> tuple[Column, ...]:
        return ()

    def check_whole(self, read: Callable[[], Iterable[bytes]]) -> None:
        return

    def fields(self, chunks: Iterable[bytes]) -> Fields:
        return NO_FIELDS

    def texts(self, chunks: Iterable[bytes], numbers: Collection[int]) -> Mapping[int, str]:
        return {}

    def leftovers(self, spark: SparkSession, paths: Sequence[str], *, options: Mapping[str, str]) -> DataFrame | None:
        return None

    def count_at_a_glance(self, chunks: Iterable[bytes]) -> int | None:
        return None

    def reason(self, text: str, types: Mapping[str, str], *, layout: Layout | None) -> str:
        return "it cannot be read"


class Parquet(Columnar):
    """The footer has the schema and the number of rows."""

    spark_name = "parquet"
    options: Mapping[str, str] = {"parquet.page.verify-checksum.enabled": "true"}

    def layout(self, content: BinaryIO) -> Layout:
        try:
            footer = parquet.ParquetFile(content).metadata
        except (ArrowException, OSError) as error:
            raise ValueError(str(error)) from error
        return Layout(text=_short(str(footer.schema)), records=footer.num_rows)


class Orc(Columnar):
    """The footer has the schema and the number of rows."""

    spark_name = "orc"

    def layout(self, content: BinaryIO) -> Layout:
        try:
            file = orc.ORCFile(content)
            if "`" in str(file.schema):
                raise ValueError("it has a column whose name Spark would cut off at a backquote")
            return Layout(text=_short(str(file.schema)), records=file.nrows)
        except (ArrowException, OSError) as error:
            raise ValueError(str(error)) from error


class Avro(Columnar):
    """The header has the schema."""

    spark_name = "avro"
    # Without it, files whose names end otherwise are passed over.
    options: Mapping[str, str] = {"ignoreExtension": "true"}

    def layout(self, content: BinaryIO) -> Layout:
        schema = read_header(content).get("avro.schema", b"")
        return Layout(text=_short(json.dumps(json.loads(schema))))


def _short(text: str) -> str:
    """Layouts are compared, thousands of them, and not read."""
    return hashlib.sha256(text.encode()).hexdigest()
