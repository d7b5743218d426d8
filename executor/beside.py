"""Small objects beside a table's own files: written, listed and read wherever the table is."""

from __future__ import annotations

import gzip
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession

from executor.diagnose import failure_of, is_from_spark
from executor.jvm import file_io, files_below, has_jvm, read_file, write_file
from executor.lease import Category

# Iceberg's remove_orphan_files passes over names with a leading underscore.
FOLDER = "_autoloader"
_COMPRESSED = ".gz"


class Objects(Protocol):
    """Objects by their names below the folder, such as `a/b.json.gz`. What fails, fails as its store does."""

    def write(self, name: str, text: str) -> None:
        """Writes a line of text, or writes it anew; compressed where the name says so, and it can be."""

    def names(self) -> Iterator[str]:
        """All names; one that was written as a folder has a part after it (`a/b.json/part-0.txt`)."""

    def read(self, name: str) -> bytes:
        """The content by a name that was listed, compressed or not."""


def objects_beside(table_location: str, *, spark: SparkSession, table_sql: str) -> Objects:
    root = f"{table_location.rstrip('/')}/{FOLDER}"
    if not has_jvm(spark):
        return ConnectObjects(spark, root)
    if root.startswith("file:///") or (root.startswith("file:/") and not root.startswith("file://")):
        return LocalObjects(Path("/" + root.removeprefix("file:").lstrip("/")))
    return CatalogObjects(spark, table_sql, root)


class LocalObjects:
    """On this machine. Hadoop would fork twice for each file to set its rights, which takes 13 ms."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def write(self, name: str, text: str) -> None:
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{uuid.uuid4()}")
        draft.write_bytes(_content(name, text))
        draft.replace(path)

    def names(self) -> Iterator[str]:
        for folder, _, files in os.walk(self._root):
            yield from (str(Path(folder, file).relative_to(self._root)) for file in files)

    def read(self, name: str) -> bytes:
        return (self._root / name).read_bytes()


class CatalogObjects:
    """By what the catalog gives to reach the table's files."""

    def __init__(self, spark: SparkSession, table_sql: str, root: str) -> None:
        self._io = file_io(spark, table_sql)
        self._root = root

    def write(self, name: str, text: str) -> None:
        write_file(self._io, f"{self._root}/{name}", _content(name, text))

    def names(self) -> Iterator[str]:
        try:
            yield from map(_below_folder, files_below(self._io, self._root))
        except Exception as error:
            if not is_from_spark(error) or failure_of(error).category is not Category.FILE_MISSING:
                raise

    def read(self, name: str) -> bytes:
        return read_file(self._io, f"{self._root}/{name}")


class ConnectObjects:
    """By a Spark Connect server's own file systems, since it lends no one the catalog's."""

    def __init__(self, spark: SparkSession, root: str) -> None:
        self._spark = spark
        self._root = root.replace("s3://", "s3a://", 1)

    def write(self, name: str, text: str) -> None:
        line = self._spark.createDataFrame([(text,)], "value string").coalesce(1)
        line.write.mode("overwrite").text(f"{self._root}/{name.removesuffix(_COMPRESSED)}")

    def names(self) -> Iterator[str]:
        try:
            rows = self._files(self._root).select("path").collect()
        except AnalysisException as error:
            if error.getCondition() != "PATH_NOT_FOUND":
                raise
            return
        yield from (_below_folder(row["path"]) for row in rows)

    def read(self, name: str) -> bytes:
        (row,) = self._files(f"{self._root}/{name}").select("content").collect()
        return bytes(row["content"])

    def _files(self, path: str) -> DataFrame:
        reader = self._spark.read.format("binaryFile").option("recursiveFileLookup", "true")
        return reader.option("__globPaths__", "false").load(path)


def _content(name: str, text: str) -> bytes:
    content = text.encode()
    return gzip.compress(content, compresslevel=1) if name.endswith(_COMPRESSED) else content


def _below_folder(path: str) -> str:
    return path.rpartition(f"/{FOLDER}/")[2]
