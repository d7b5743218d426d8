"""The rows of a lease's files as its table wants them, and the append that puts them onto a private branch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pyspark.sql import DataFrame, DataFrameWriter
from pyspark.sql import functions as F

from executor import counts as counting
from executor.counts import FileCounts
from executor.job import Job
from executor.metadata import ATTEMPT_PROPERTY, LEASE_PROPERTY
from executor.provenance import with_metadata
from executor.rows import NAME, REJECTED, rows_of, trusted_rows_of
from executor.schema.reconcile import Fit
from executor.sql import quoted
from executor.trust import is_trusted


def rows_to_write(
    job: Job, fitted: Fit, *, may_trust: bool
) -> tuple[DataFrame, Callable[[], FileCounts | None] | None]:
    """The rows to write, and where they are not trusted, their counts once they are written."""
    names = {job.address.name(file.uri): index for index, file in job.roster.unempty.items()}
    if may_trust and is_trusted(job, fitted.table):
        rows = trusted_rows_of(job, names.values(), fitted.read)
        if job.work.metadata_columns:
            rows = with_metadata(rows.withColumn(NAME, F.input_file_name()), job)
        return rows if fitted.is_as_read else _in_table_order(rows, fitted), None
    rows = rows_of(job, names.values(), fitted.read)
    if job.work.metadata_columns:
        rows = with_metadata(rows, job)
    rows, observation = counting.observed(rows, name=NAME, rejected=REJECTED, files=len(names))
    if job.keeps_aside:
        rows = rows.where(F.col(REJECTED).isNull())
    return _in_table_order(rows, fitted), partial(counting.of_observation, observation, names)


def append_to(job: Job, rows: DataFrame, branch: str) -> DataFrameWriter:
    """The append, ready to be saved to the job's table and nowhere else."""
    return (
        rows.write.format("iceberg")
        .mode("append")
        # writeTo() and saveAsTable() ignore the branch without a word, and write to main.
        .option("branch", branch)
        .option("snapshot-property.wap.id", job.lease_id)
        .option(f"snapshot-property.{LEASE_PROPERTY}", job.lease_id)
        .option(f"snapshot-property.{ATTEMPT_PROPERTY}", job.attempt)
    )


def _in_table_order(rows: DataFrame, fitted: Fit) -> DataFrame:
    sources = zip(fitted.sources, fitted.table, strict=True)
    return rows.selectExpr(
        *(f"{quoted(source) if source else 'NULL'} AS {quoted(column.name)}" for source, column in sources)
    )
