"""Files of every format, written by others than the product: what is in them is known."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

import pyarrow
from pyarrow import orc, parquet
from pyspark.sql import SparkSession

from executor.lease import Format

Record = Mapping[str, Any]
# Columns by name, with their types as SQL has them.
Types = dict[str, str]

ARROW = {
    "int": pyarrow.int32(),
    "bigint": pyarrow.int64(),
    "float": pyarrow.float32(),
    "double": pyarrow.float64(),
    "string": pyarrow.string(),
    "boolean": pyarrow.bool_(),
}


@dataclass(frozen=True)
class Kind:
    """A format, and how to write a file of it."""

    format: Format
    write: Callable[[SparkSession, Path, Sequence[Record], Types], None]

    @property
    def is_typed(self) -> bool:
        return self.format.kind in ("parquet", "avro", "orc")

    def __str__(self) -> str:
        return "-".join([self.format.kind, *(str(option) for option in self.format.options.values())])


def _json(spark: SparkSession, path: Path, records: Sequence[Record], types: Types) -> None:
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))


def _document(spark: SparkSession, path: Path, records: Sequence[Record], types: Types) -> None:
    path.write_text(json.dumps(list(records), indent=1))


def _csv(spark: SparkSession, path: Path, records: Sequence[Record], types: Types) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(types))
        writer.writeheader()
        writer.writerows(records)


def _xml(spark: SparkSession, path: Path, records: Sequence[Record], types: Types) -> None:
    root = Element("records")
    for record in records:
        row = SubElement(root, "record")
        for name in types:
            if record.get(name) is not None:
                SubElement(row, name).text = str(record[name])
    path.write_text(tostring(root, encoding="unicode"))


def _parquet(spark: SparkSession, path: Path, records: Sequence[Record], types: Types) -> None:
    parquet.write_table(_table(records, types), path)


def _orc(spark: SparkSession, path: Path, records: Sequence[Record], types: Types) -> None:
    orc.write_table(_table(records, types), str(path), compression="zlib")


def _avro(spark: SparkSession, path: Path, records: Sequence[Record], types: Types) -> None:
    schema = ", ".join(f"{name} {kind}" for name, kind in types.items())
    rows = spark.createDataFrame([tuple(record.get(name) for name in types) for record in records], schema)
    folder = path.with_suffix(".written")
    rows.coalesce(1).write.format("avro").save(f"file://{folder}")
    (part,) = folder.glob("part-*")
    part.rename(path)
    shutil.rmtree(folder)


def _table(records: Sequence[Record], types: Types) -> pyarrow.Table:
    schema = pyarrow.schema([(name, ARROW[kind]) for name, kind in types.items()])
    return pyarrow.Table.from_pylist([dict(record) for record in records], schema=schema)


KINDS = (
    Kind(Format(kind="json"), _json),
    Kind(Format(kind="json", options={"multi_line": True}), _document),
    Kind(Format(kind="csv"), _csv),
    Kind(Format(kind="csv", options={"multi_line": False}), _csv),
    Kind(Format(kind="xml", options={"row_tag": "record"}), _xml),
    Kind(Format(kind="parquet"), _parquet),
    Kind(Format(kind="avro"), _avro),
    Kind(Format(kind="orc"), _orc),
)
