"""The table beside that of the rows, for records that cannot be read.

They are staged as the rows are, on a private branch, for one decision about both.
"""

from __future__ import annotations

from dataclasses import replace

import pyarrow

from executor import table as tables
from executor.columns import as_struct
from executor.errors import attempt_failed
from executor.failpoints import failpoint
from executor.job import Job
from executor.lease import Category, StagedTable
from executor.schema.words import Column
from executor.staged import refuse_another, staged_snapshot, staged_table
from executor.table import TableFacts, TableName
from executor.writing import append_to

_SUFFIX = "__rejects"
COLUMNS = (
    Column(name="file", type="string"),
    Column(name="record", type="bigint"),
    Column(name="reason", type="string"),
    Column(name="content", type="string"),
    Column(name="run", type="string"),
    Column(name="time", type="timestamp"),
)
ARROW_SCHEMA = pyarrow.schema(
    [
        ("file", pyarrow.string()),
        ("record", pyarrow.int64()),
        ("reason", pyarrow.string()),
        ("content", pyarrow.string()),
        ("run", pyarrow.string()),
        ("time", pyarrow.timestamp("us", "UTC")),
    ]
)


def stage_rejects(job: Job, kept: pyarrow.Table, *, branch: str) -> StagedTable:
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
