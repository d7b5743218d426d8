"""The JVM of a Spark driver beside this process. A Spark Connect server has none to talk to."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

from py4j.java_gateway import JavaClass  # type: ignore[import-untyped]
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

# What fits, in base 64, into one write of the JVM's answer. After a longer one it waits 40 ms for an
# acknowledgement, which this side's TCP delays that long.
_ANSWER_BYTES_MAX = 6_000
_ICEBERG = "org.apache.iceberg"


def has_jvm(spark: SparkSession) -> bool:
    return getattr(spark, "_jsparkSession", None) is not None


def load_table(spark: Any, table_sql: str) -> Any:
    """The table as it is now, an `org.apache.iceberg.Table`: a tenth of the time of Spark's SQL about it."""
    session = spark._jsparkSession
    # A session's catalog is made, for good, with the settings of the session that is active then:
    # with another's it could cache tables, and the publisher could delete files.
    java_class(spark, "org.apache.spark.sql.classic.SparkSession").setActiveSession(session)
    return java_class(spark, f"{_ICEBERG}.spark.Spark3Util").loadIcebergTable(session, table_sql)


def metadata_document(spark: Any, table: Any) -> dict[str, Any]:
    written = java_class(spark, f"{_ICEBERG}.inmemory.InMemoryOutputFile")("document.gz.metadata.json")
    java_class(spark, f"{_ICEBERG}.TableMetadataParser").write(table.operations().current(), written)
    stream = written.toInputFile().newStream()
    parts = iter(lambda: bytes(stream.readNBytes(_ANSWER_BYTES_MAX)), b"")
    document: dict[str, Any] = json.loads(gzip.decompress(b"".join(parts)))
    return document


def spark_schema(spark: Any, table: Any) -> StructType:
    schema = java_class(spark, f"{_ICEBERG}.spark.SparkSchemaUtil").convert(table.schema())
    return StructType.fromJson(json.loads(schema.json()))


def create_branch(table: Any, branch: str, *, retain_days: int) -> None:
    """Creates a branch of main unless it exists; where main is empty, of an empty root of its own."""
    if table.refs().containsKey(branch):
        return
    head, change = table.currentSnapshot(), table.manageSnapshots()
    change = change.createBranch(branch, head.snapshotId()) if head else change.createBranch(branch)
    change.setMaxRefAgeMs(branch, retain_days * 24 * 3600 * 1000).commit()


def pick_onto_main(table: Any, snapshot_id: int) -> None:
    """What Iceberg's procedure `cherrypick_snapshot` does."""
    table.manageSnapshots().cherrypick(snapshot_id).commit()


def bounds_of_added_files(
    spark: Any, table_sql: str, snapshot_id: int, columns: frozenset[str]
) -> Iterator[tuple[Any, Any] | None]:
    """The least and the largest value of each column in each file that a snapshot added.

    None where the file does not tell; nothing where all values are null.
    """
    conversions = java_class(spark, f"{_ICEBERG}.types.Conversions")
    table = load_table(spark, table_sql)
    fields = [table.schema().findField(name) for name in columns]
    for file in _each(table.snapshot(snapshot_id).addedDataFiles(table.io())):
        counts = (file.nullValueCounts() or {}, file.valueCounts() or {})
        bounds = (file.lowerBounds() or {}, file.upperBounds() or {})
        for field in fields:
            number = field.fieldId()
            nulls, values = (count.get(number) for count in counts)
            ends = tuple(bound.get(number) for bound in bounds)
            if None not in ends:
                yield tuple(conversions.fromByteBuffer(field.type(), end) for end in ends)
            elif nulls is None or nulls != values:
                yield None


def file_io(spark: Any, table_sql: str) -> Any:
    """What reads and writes a table's files, wherever they are, with the rights to do so."""
    return load_table(spark, table_sql).io()


def write_file(io: Any, path: str, content: bytes) -> None:
    """Writes a file, or writes it anew. Left open when that fails: closing would keep the half of it."""
    stream = io.newOutputFile(path).createOrOverwrite()
    stream.write(content)
    stream.close()


def read_file(io: Any, path: str) -> bytes:
    stream = io.newInputFile(path).newStream()
    try:
        return b"".join(iter(lambda: bytes(stream.readNBytes(_ANSWER_BYTES_MAX)), b""))
    finally:
        stream.close()


def files_below(io: Any, folder: str) -> Iterator[str]:
    """The paths of all files below a folder, as the store spells them."""
    for found in _each(io.listPrefix(f"{folder}/")):
        yield found.location()


def java_class(spark: Any, name: str) -> Any:
    """A class by its full name, without the question about each package that attributes would ask."""
    return JavaClass(name, spark._jvm._gateway_client)


def _each(iterable: Any) -> Iterator[Any]:
    """As `for` does, which lets the JVM raise an exception at the end: that takes it 6 ms."""
    iterator = iterable.iterator()
    while iterator.hasNext():
        yield iterator.next()
