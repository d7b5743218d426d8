"""Records that cannot be read, kept in a table beside that of the rows.

They are read again, of the files that have any, and staged as the rows are: on a private branch,
for one decision about both. Their number is bounded, so that they and why they are bad fit into memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyarrow
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from executor import table as tables
from executor.columns import as_struct
from executor.compression import is_compressed
from executor.counts import FileCounts
from executor.errors import attempt_failed
from executor.failpoints import failpoint
from executor.integrity import content_of, not_of_its_format
from executor.job import Job
from executor.lease import Category, Column, StagedTable
from executor.rows import NAME, RECORD, REJECTED, rows_of
from executor.staged import refuse_another, staged_snapshot, staged_table
from executor.storage import FileTrouble
from executor.table import TableFacts, TableName
from executor.writing import append_to

RECORDS_MAX = 1_000_000
BYTES_MAX = 256 << 20
COLUMNS = (
    Column(name="file", type="string"),
    Column(name="record", type="bigint"),
    Column(name="reason", type="string"),
    Column(name="content", type="string"),
    Column(name="run", type="string"),
    Column(name="time", type="timestamp"),
)
NOT_TEXT = "its text is not UTF-8; `content` is in base64"

_SUFFIX = "__rejects"
_EXPANSION_MAX = 50
_WHOLE_FILES = str(1 << 45)
_SPLITTING = ("spark.sql.files.maxPartitionBytes", "spark.sql.files.openCostInBytes")
_ARROW_SCHEMA = pyarrow.schema(
    [
        ("file", pyarrow.string()),
        ("record", pyarrow.int64()),
        ("reason", pyarrow.string()),
        ("content", pyarrow.string()),
        ("run", pyarrow.string()),
        ("time", pyarrow.timestamp("us", "UTC")),
    ]
)


def not_kept(job: Job, counts: FileCounts, schema: StructType) -> set[int]:
    """The files whose rejected records are not kept aside: where no other is loaded, and where they are too many."""
    hopeless = {index for index in counts.rejected if not counts.read.get(index)}
    rejected = {index: number for index, number in counts.rejected.items() if index not in hopeless}
    return hopeless | largest_beyond(RECORDS_MAX, rejected) | _too_long(job, rejected, schema)


def largest_beyond(bound: int, sizes: Mapping[int, int]) -> set[int]:
    """The largest, without which the others sum to no more than the bound."""
    kept, dropped = sum(sizes.values()), set[int]()
    for index in sorted(sizes, key=lambda index: sizes[index], reverse=True):
        if kept <= bound:
            break
        dropped.add(index)
        kept -= sizes[index]
    return dropped


def _too_long(job: Job, rejected: Mapping[int, int], schema: StructType) -> set[int]:
    """By the lengths of their texts, which are looked at where they can matter."""
    files = [job.work.files[index] for index in rejected]
    if sum(file.size_bytes * (_EXPANSION_MAX if is_compressed(file.uri) else 1) for file in files) <= BYTES_MAX:
        return set()
    lengths = _rejected_rows(job, rejected, schema).groupBy(NAME).agg(F.sum(F.octet_length(REJECTED)).alias("bytes"))
    indexes = _indexes(job)
    sizes = {indexes[job.address.uri(row[NAME])]: row["bytes"] for row in lengths.collect()}
    return largest_beyond(BYTES_MAX, sizes)


def collect(job: Job, counts: FileCounts, schema: StructType) -> pyarrow.Table | None:
    """The rejected records, as rows of their table; None when they are not those that were counted."""
    if not counts.rejected:
        return _ARROW_SCHEMA.empty_table()
    is_text = F.is_valid_utf8(F.col(REJECTED))
    content = F.when(is_text, F.col(REJECTED)).otherwise(F.base64(F.col(REJECTED).cast("binary")))
    with _a_file_a_task(job.spark):
        found = (
            _rejected_rows(job, counts.rejected, schema)
            .select(
                F.col(NAME).alias("name"),
                F.col(RECORD).alias("record"),
                content.alias("content"),
                is_text.alias("is_text"),
            )
            .toArrow()
            .to_pylist()
        )
    indexes = _indexes(job)
    by_file: dict[int, list[dict[str, Any]]] = {}
    for row in found:
        by_file.setdefault(indexes[job.address.uri(row["name"])], []).append(row)
    records = [reject for index, rows in by_file.items() for reject in _rejects(job, index, rows)]
    kept = pyarrow.Table.from_pylist(records, schema=_ARROW_SCHEMA)
    expected = {job.work.files[index].uri: number for index, number in counts.rejected.items()}
    return kept if _numbers(kept) == expected else None


def stage(job: Job, kept: pyarrow.Table, *, branch: str) -> StagedTable:
    """Puts them onto a branch of their table, which is created when it is not there. Raises AttemptFailed."""
    name = f"{job.work.table[:-1]}{_SUFFIX}`" if job.work.table.endswith("`") else f"{job.work.table}{_SUFFIX}"
    parts = (*job.table.parts[:-1], f"{job.table.parts[-1]}{_SUFFIX}")
    beside = replace(job, work=replace(job.work, table=name), table=TableName(job.table.catalog, parts))
    facts = _ready_table(beside)
    tables.open_branch(job.spark, beside.table, branch, is_empty=facts.is_empty)
    job.check_held()
    failpoint("executor.before_stage_rejects")
    append_to(beside, job.spark.createDataFrame(kept, as_struct(COLUMNS)), branch).save(beside.table.sql)
    failpoint("executor.after_stage_rejects")
    state, snapshot = staged_snapshot(beside, branch)
    refuse_another(beside, facts, state)
    if snapshot.records_added != kept.num_rows:
        raise attempt_failed(
            Category.WRITE_FAILURE,
            f"{snapshot.records_added} records were staged in `{name}`, where {kept.num_rows} are to be kept aside.",
            retryable=True,
        )
    return staged_table(beside, facts, state, snapshot)


def _ready_table(job: Job) -> TableFacts:
    facts = tables.read_facts(job.spark, job.table)
    if facts is None:
        tables.create(job.spark, job.table, COLUMNS, properties={})
        facts = tables.read_facts(job.spark, job.table)
    wanted = {(field.name, field.dataType) for field in as_struct(COLUMNS)}
    if facts is None or not wanted <= {(field.name, field.dataType) for field in facts.schema}:
        columns = ", ".join(f"{column.name} {column.type}" for column in COLUMNS)
        raise attempt_failed(
            Category.SCHEMA_MISMATCH,
            f"`{job.work.table}` cannot keep records aside: it lacks some of its columns ({columns}). Rename it, and "
            "it is created anew.",
            retryable=False,
        )
    return facts


def _rejected_rows(job: Job, rejected: Mapping[int, int], schema: StructType) -> DataFrame:
    return rows_of(job, rejected, schema).where(F.col(REJECTED).isNotNull())


def _rejects(job: Job, index: int, rows: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Of one file; none, where the file itself turns out to be broken: it is dropped."""
    file = job.work.files[index]
    try:
        texts = job.reader.texts(content_of(file, job.store), {row["record"] for row in rows})
    except FileTrouble as trouble:
        job.roster.drop(index, trouble.failure)
        return
    except (OSError, EOFError, ValueError) as error:
        job.roster.drop(index, not_of_its_format(error))
        return
    for row in rows:
        yield _reject(job, index, row if texts is None else {**row, "content": texts[row["record"]], "is_text": True})


def _reject(job: Job, index: int, row: Mapping[str, Any]) -> dict[str, Any]:
    types = {column.name: column.type for column in job.columns}
    reason = job.reader.reason(row["content"], types, layout=job.layouts.get(index)) if row["is_text"] else NOT_TEXT
    return {
        "file": job.work.files[index].uri,
        "record": row["record"],
        "reason": reason,
        "content": row["content"],
        "run": job.run,
        "time": datetime.now(UTC),
    }


def _indexes(job: Job) -> dict[str, int]:
    return {file.uri: index for index, file in enumerate(job.work.files)}


def _numbers(kept: pyarrow.Table) -> dict[str, int]:
    counts = kept.column("file").value_counts().to_pylist()
    return {count["values"]: count["counts"] for count in counts}


@contextmanager
def _a_file_a_task(spark: SparkSession) -> Iterator[None]:
    """Spark cuts no file, and puts no two into one task: it then numbers the records of each from its start."""
    former = {name: spark.conf.get(name) for name in _SPLITTING}
    try:
        for name in _SPLITTING:
            spark.conf.set(name, _WHOLE_FILES)
        yield
    finally:
        for name, value in former.items():
            spark.conf.set(name, str(value))
