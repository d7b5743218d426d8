"""What formats without types, and without a layout, have in common."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import BinaryIO, Protocol

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from executor.readers.numbered import number_in_task
from executor.readers.reader import Layout, Record
from executor.schema.infer import infer
from executor.schema.words import Column


class Reading(Protocol):
    """A reader that passes nothing over."""

    def read(
        self,
        spark: SparkSession,
        paths: Sequence[str],
        *,
        schema: StructType,
        rejected: str,
        options: Mapping[str, str],
        layout: Layout | None = None,
    ) -> DataFrame: ...


class Untyped:
    """Values are text; columns are guessed from a sample of records."""

    has_layouts = False
    is_typed = False
    may_overflow = True
    is_trusting = False
    checks_whole = False
    rewrites_texts = False
    is_exact = True

    def layout(self, content: BinaryIO) -> Layout:
        raise NotImplementedError

    def names(self, layout: Layout) -> Sequence[str]:
        raise NotImplementedError

    def columns(self, spark: SparkSession, path: str, *, options: Mapping[str, str]) -> StructType:
        raise NotImplementedError

    def guess(self, records: Iterable[Record]) -> tuple[Column, ...]:
        return infer(records)

    def check_whole(self, read: Callable[[], Iterable[bytes]]) -> None:
        return

    def read_trusting(
        self, spark: SparkSession, paths: Sequence[str], *, schema: StructType, options: Mapping[str, str]
    ) -> DataFrame:
        raise NotImplementedError

    def read_apart(
        self: Reading,
        spark: SparkSession,
        paths: Sequence[str],
        *,
        schema: StructType,
        rejected: str,
        record: str,
        options: Mapping[str, str],
        layout: Layout | None = None,
    ) -> DataFrame:
        rows = self.read(spark, paths, schema=schema, rejected=rejected, options=options, layout=layout)
        return rows.withColumn(record, number_in_task())

    def texts(self, chunks: Iterable[bytes], numbers: Collection[int]) -> Mapping[int, str]:
        return {}

    def leftovers(self, spark: SparkSession, paths: Sequence[str], *, options: Mapping[str, str]) -> DataFrame | None:
        return None
