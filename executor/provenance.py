"""Columns that say where rows come from: kept apart from what files have, and filled as rows are written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pyarrow
from pyspark.sql import Column as Expression
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from executor.columns import as_struct
from executor.job import Job
from executor.lease import LoadWork, UnknownField
from executor.metadata_columns import MetadataColumn, MetadataKind
from executor.rows import NAME
from executor.schema.observed import Fields
from executor.schema.words import Column

# Names of columns that no file has.
_URI = "__autoloader_uri"
_MODIFIED = "__autoloader_modified"
_OF_FILES = (MetadataKind.SOURCE_FILE, MetadataKind.SOURCE_MODIFICATION_TIME)


def metadata_columns(work: LoadWork) -> tuple[Column, ...]:
    """The columns that are wanted beside those of the files, as other columns are told."""
    return tuple(Column(name=column.name, type=column.type) for column in work.metadata_columns)


def metadata_schema(work: LoadWork) -> StructType:
    """The same, as Spark has them."""
    return as_struct(metadata_columns(work))


def leave_out(seen: Mapping[int, Fields], work: LoadWork) -> tuple[dict[int, Fields], tuple[UnknownField, ...]]:
    """The fields of files without those that are named as a metadata column is, and these by their names."""
    names = _names(work)
    left_out: Counter[str] = Counter()
    for fields in seen.values():
        left_out.update({name: fields.counts.get(name, 0) for name in fields.columns.names if name.lower() in names})
    kept = {index: _without(fields, names) for index, fields in seen.items()}
    return kept, tuple(UnknownField(path=name, record_count=count) for name, count in sorted(left_out.items()))


def without_metadata(columns: Sequence[Column], work: LoadWork) -> tuple[Column, ...]:
    """The columns that files fill: a guess, or a table that is there, may have the others too."""
    names = _names(work)
    return tuple(column for column in columns if column.name.lower() not in names)


def without_metadata_schema(schema: StructType, work: LoadWork) -> StructType:
    """The same of a table's columns."""
    names = _names(work)
    return StructType([field for field in schema if field.name.lower() not in names])


def with_metadata(rows: DataFrame, job: Job) -> DataFrame:
    """The rows with the metadata columns that are wanted; they have the name of their file in NAME."""
    columns = job.work.metadata_columns
    if any(column.kind in _OF_FILES for column in columns):
        # The files are few and the rows many, so that each task gets all of the names; nothing is shuffled.
        rows = rows.join(F.broadcast(_files(job)), on=NAME, how="left")
    return rows.withColumns({column.name: _value(column, job) for column in columns})


def _files(job: Job) -> DataFrame:
    """The exact uris of the files by the names that Spark has for them, with their times in microseconds."""
    files = job.roster.unempty.values()
    table = pyarrow.table(
        {
            NAME: [job.address.name(file.uri) for file in files],
            _URI: [file.uri for file in files],
            _MODIFIED: pyarrow.array([file.modification_time_ns // 1000 for file in files], pyarrow.int64()),
        }
    )
    return job.spark.createDataFrame(table)


def _value(column: MetadataColumn, job: Job) -> Expression:
    match column.kind:
        case MetadataKind.SOURCE_FILE:
            return _known(F.col(_URI))
        case MetadataKind.SOURCE_MODIFICATION_TIME:
            return F.timestamp_micros(_known(F.col(_MODIFIED)))
        case MetadataKind.LOAD_TIME:
            return F.timestamp_micros(F.lit(job.time_us))
        case MetadataKind.RUN:
            return F.lit(job.run)


def _known(value: Expression) -> Expression:
    """Rows of a file that Spark has another name for are not written without their origin."""
    return F.coalesce(value, F.raise_error(F.concat(F.lit("no file of the lease has the name "), F.col(NAME))))


def _names(work: LoadWork) -> frozenset[str]:
    return frozenset(column.name.lower() for column in work.metadata_columns)


def _without(fields: Fields, names: frozenset[str]) -> Fields:
    if not any(name.lower() in names for name in fields.columns.names):
        return fields
    return replace(fields, columns=StructType([field for field in fields.columns if field.name.lower() not in names]))
