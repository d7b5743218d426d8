"""The table of a lease as its files want it: found, or created once there is a row to put into it."""

from __future__ import annotations

from pyspark.sql.types import StructType

from executor import table as tables
from executor.columns import as_struct
from executor.errors import attempt_failed
from executor.job import Job
from executor.lease import Category, Failure
from executor.provenance import metadata_columns, metadata_schema
from executor.reading import survey
from executor.schema.alter import alterations
from executor.schema.reconcile import Fit, SchemaMismatch, fit
from executor.schema.words import OnSchemaChange
from executor.table import TableFacts

# Spark does not read files without any column; this one is in none.
_NO_COLUMNS = StructType().add("__autoloader_nothing", "string")
_ALTERATIONS_MAX = 6


def wanted_schema(job: Job) -> StructType:
    """The columns to read, as Spark has them."""
    return as_struct(job.columns) if job.columns else _NO_COLUMNS


def ready_table(job: Job, wanted: StructType) -> TableFacts | None:
    """The table, created if there is a row to put into it; None when there is none."""
    job.check_held()
    facts = tables.read_facts(job.spark, job.table) if job.columns else None
    if facts is not None:
        return _evolved(job, facts, wanted)
    if not _has_rows(job, wanted):
        return None
    job.check_held()
    columns = (*job.columns, *metadata_columns(job.work))
    tables.create(job.spark, job.table, columns, properties=job.work.table_properties)
    facts = tables.read_facts(job.spark, job.table)
    # Another may have been first, with other columns.
    return facts and _evolved(job, facts, wanted)


def _evolved(job: Job, facts: TableFacts, wanted: StructType) -> TableFacts:
    """The table with the columns that it lacked, or of wider types, where it may have them.

    The policy is about files: a version of the columns that a person declared or accepted is the table's under any, and
    so are metadata columns, which somebody asked for.
    """
    terms = job.work.schema
    may_follow = terms.on_schema_change is not OnSchemaChange.IGNORE or terms.version
    wanted = StructType([*(wanted if may_follow else ()), *metadata_schema(job.work)])
    for _ in range(_ALTERATIONS_MAX):
        statements = _alterations(job, facts, wanted)
        if not statements:
            return facts
        job.check_held()
        tables.alter(job.spark, statements)
        after = tables.read_facts(job.spark, job.table)
        if after is None or after.id != facts.id:
            return facts
        facts = after
    raise attempt_failed(
        Category.SCHEMA_MISMATCH, f"Table `{job.work.table}` does not take the columns of its files.", retryable=True
    )


def _alterations(job: Job, facts: TableFacts, wanted: StructType) -> tuple[str, ...]:
    """None where the table cannot hold the columns: what that means is said when rows are fitted into it."""
    try:
        return alterations(wanted, facts.schema, table_sql=job.table.sql)
    except SchemaMismatch:
        return ()


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
        return fit(wanted, facts.schema, beside=metadata_schema(job.work))
    except SchemaMismatch as mismatch:
        raise attempt_failed(
            Category.SCHEMA_MISMATCH,
            f"The files do not fit table `{job.work.table}`: {mismatch}. Change the table, or "
            "declare columns that fit it.",
            retryable=False,
        ) from mismatch
