"""The table of a lease as its files want it: found, or created once there is a row to put into it."""

from __future__ import annotations

from functools import lru_cache

from pyspark.sql.types import DataType, StructType

from executor import table as tables
from executor.errors import attempt_failed
from executor.job import Job
from executor.lease import Category, Failure
from executor.reading import survey
from executor.schema.reconcile import Fit, SchemaMismatch, fit
from executor.sql import quoted
from executor.table import TableFacts

# Spark does not read files without any column; this one is in none.
_NO_COLUMNS = StructType().add("__autoloader_nothing", "string")


def wanted_schema(job: Job) -> StructType:
    """The columns to read, as Spark has them."""
    ddl = ", ".join(f"{quoted(column.name)} {column.type}" for column in job.columns)
    return _parsed(ddl) if ddl else _NO_COLUMNS


@lru_cache(maxsize=64)
def _parsed(ddl: str) -> StructType:
    """It asks the JVM each time, for the same columns as the last."""
    schema = DataType.fromDDL(ddl)
    assert isinstance(schema, StructType)
    return schema


def ready_table(job: Job, wanted: StructType) -> TableFacts | None:
    """The table, created if there is a row to put into it; None when there is none."""
    job.check_held()
    facts = tables.read_facts(job.spark, job.table) if job.columns else None
    if facts is not None:
        return facts
    if not _has_rows(job, wanted):
        return None
    job.check_held()
    tables.create(job.spark, job.table, job.columns, properties=job.work.table_properties)
    return tables.read_facts(job.spark, job.table)


def _has_rows(job: Job, wanted: StructType) -> bool:
    """Whether some file has rows, and all of them can be read."""
    promising = job.sample.promising
    if promising is not None and survey(job, [promising], wanted).total_read:
        return True
    counts = survey(job, job.roster.unempty, wanted)
    if job.columns:
        return bool(counts.total_read)
    for index in counts.read:
        job.roster.drop(index, _without_fields())
    return False


def _without_fields() -> Failure:
    return Failure(
        category=Category.SCHEMA_MISMATCH,
        message="The file has records but none has a field, so there is no column to load.",
    )


def fit_into(job: Job, wanted: StructType, facts: TableFacts) -> Fit:
    """How the columns go into the table's. Raises AttemptFailed when they do not."""
    try:
        return fit(wanted, facts.schema)
    except SchemaMismatch as mismatch:
        raise attempt_failed(
            Category.SCHEMA_MISMATCH,
            f"The files do not fit table `{job.work.table}`: {mismatch}. Change the table, or "
            "declare columns that fit it.",
            retryable=False,
        ) from mismatch
