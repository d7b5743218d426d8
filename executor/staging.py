"""Writes the rows of a lease's good files onto a private branch, in as many rounds as it takes.

The first rounds trust every file, since most files are good. A round that meets bad ones drops
them from the roster, and the next one starts on a fresh branch without them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from pyspark.sql import DataFrame, DataFrameWriter
from pyspark.sql.types import DataType, StructType

from executor import counts as counting
from executor import table as tables
from executor.counts import FileCounts
from executor.diagnose import has_malformed_record
from executor.errors import attempt_failed
from executor.failpoints import failpoint
from executor.job import Job
from executor.lease import Category, Failure, StagedTable
from executor.metadata import ATTEMPT_PROPERTY, LEASE_PROPERTY, Snapshot, TableState, read_state
from executor.reading import (
    REJECTED,
    count_apart,
    drop_leftovers,
    drop_rejected,
    drop_silent,
    drop_unreadable,
    rows_of,
    survey,
    trusted_rows_of,
)
from executor.schema.reconcile import Fit, SchemaMismatch, fit
from executor.sql import quoted
from executor.table import TableFacts
from executor.trust import glance, is_trusted, trusted_counts

_TRUSTING_ROUNDS = 3
_ROUNDS_MAX = 6
_METADATA_TRIES = 6
_OPEN_COST_BYTES = (64 << 10, 4 << 20)
# Spark does not read files without any column; this one is in none.
_NO_COLUMNS = StructType().add("__autoloader_nothing", "string")

Staged = tuple[StagedTable, Mapping[int, int]]


def stage(job: Job) -> Staged:
    """The staged snapshot and the number of its rows by file; no snapshot when there are none.

    Raises AttemptFailed.
    """
    _set_up_session(job)
    wanted = _schema(job)
    facts = _ready_table(job, wanted)
    return _nothing(job) if facts is None else _rounds(job, facts, _fitted(job, wanted, facts))


def _set_up_session(job: Job) -> None:
    sizes = [file.size_bytes for file in job.roster.unempty.values()]
    smallest, largest = _OPEN_COST_BYTES
    open_cost = max(smallest, min(largest, sum(sizes) // len(sizes) // 2))
    job.spark.conf.set("spark.sql.files.openCostInBytes", str(open_cost))
    # Above it Spark starts a job to list files that we know one by one.
    job.spark.conf.set("spark.sql.sources.parallelPartitionDiscovery.threshold", str(len(sizes) + 1))


def _schema(job: Job) -> StructType:
    ddl = ", ".join(f"{quoted(column.name)} {column.type}" for column in job.columns)
    schema = DataType.fromDDL(ddl) if ddl else _NO_COLUMNS
    assert isinstance(schema, StructType)
    return schema


def _ready_table(job: Job, wanted: StructType) -> TableFacts | None:
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


def _fitted(job: Job, wanted: StructType, facts: TableFacts) -> Fit:
    try:
        return fit(wanted, facts.schema)
    except SchemaMismatch as mismatch:
        raise attempt_failed(
            Category.SCHEMA_MISMATCH,
            f"The files do not fit table `{job.work.table}`: {mismatch}. Change the table, or "
            "declare columns that fit it.",
            retryable=False,
        ) from mismatch


def _rounds(job: Job, facts: TableFacts, fitted: Fit) -> Staged:
    for number in range(1, _ROUNDS_MAX + 1):
        if number > _TRUSTING_ROUNDS:
            for index in job.roster.unempty:
                survey(job, [index], fitted.read)
        if not job.roster.unempty:
            return _nothing(job)
        staged = _round(job, facts, fitted, branch=job.branch(number))
        if staged is not None:
            return staged
    raise attempt_failed(Category.FILE_CHANGED, "The files change faster than they can be read.", retryable=True)


def _round(job: Job, facts: TableFacts, fitted: Fit, *, branch: str) -> Staged | None:
    """What was staged, or None when files had to be dropped."""
    job.check_held()
    job.phase("stage")
    try:
        with ThreadPoolExecutor(1) as thread:
            opening = thread.submit(tables.open_branch, job.spark, job.table, branch, is_empty=facts.is_empty)
            rows, observed = _rows(job, fitted)
            append = _append(job, rows, branch)
            opening.result()
            job.check_held()
            # Spark works in its JVM; meanwhile this process, which had many words with it, looks at the files.
            glancing = thread.submit(glance, job)
            failpoint("executor.before_stage")
            append.save(job.table.sql)
            failpoint("executor.after_stage")
        glanced = glancing.result()
        job.phase("verify")
        state, snapshot = _staged_snapshot(job, branch)
        counts = observed() if observed else trusted_counts(job, fitted.table, glanced, snapshot)
        counts = _agreed(job, fitted, counts, snapshot)
    except Exception as error:
        if has_malformed_record(error):
            survey(job, job.roster.unempty, fitted.read)
        else:
            drop_unreadable(job, error)
        return None
    if _drop_bad(job, counts, fitted.read, glanced):
        return None
    if not snapshot.records_added:
        return _nothing(job)
    job.make_durable()
    return _staged(job, facts, state, snapshot), counts.read


def _drop_bad(job: Job, counts: FileCounts, schema: StructType, glanced: Mapping[int, int]) -> bool:
    return (
        drop_rejected(job, counts, schema)
        or drop_leftovers(job, job.roster.unempty.keys() - glanced.keys(), counts)
        or drop_silent(job, counts, schema)
        or job.roster.drop_troubled(job.store.troubles)
    )


def _rows(job: Job, fitted: Fit) -> tuple[DataFrame, Callable[[], FileCounts | None] | None]:
    """The rows to write, and where they are not trusted, their counts once they are written."""
    names = {job.address.name(file.uri): index for index, file in job.roster.unempty.items()}
    if is_trusted(job, fitted.table):
        rows = trusted_rows_of(job, names.values(), fitted.read)
        return rows if fitted.is_as_read else _in_table_order(rows, fitted), None
    rows, observation = counting.observed(
        rows_of(job, names.values(), fitted.read), rejected=REJECTED, files=len(names)
    )
    return _in_table_order(rows, fitted), partial(counting.of_observation, observation, names)


def _append(job: Job, rows: DataFrame, branch: str) -> DataFrameWriter:
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


def _staged_snapshot(job: Job, branch: str) -> tuple[TableState, Snapshot]:
    """The branch's head, proven ours and not in main."""
    state = _state(job)
    snapshot = state.snapshots.get(state.refs.get(branch, 0))
    ours = {LEASE_PROPERTY: job.lease_id, ATTEMPT_PROPERTY: job.attempt}
    if snapshot is None or not ours.items() <= snapshot.summary.items():
        raise attempt_failed(
            Category.WRITE_FAILURE,
            f"Branch `{branch}` of `{job.work.table}` does not have what was written to it.",
            retryable=True,
        )
    if any(one.id == snapshot.id or job.lease_id in one.wap_ids for one in state.main_chain()):
        raise attempt_failed(
            Category.PUBLISH_IN_DOUBT,
            f"Main of `{job.work.table}` has rows of this lease already.",
            retryable=False,
        )
    return state, snapshot


def _state(job: Job) -> TableState:
    for _ in range(_METADATA_TRIES):
        state = read_state(job.spark, job.table.sql)
        if state is not None and not state.is_torn:
            return state
    raise attempt_failed(
        Category.WRITE_FAILURE, f"Table `{job.work.table}` went away while it was written.", retryable=True
    )


def _agreed(job: Job, fitted: Fit, counts: FileCounts | None, snapshot: Snapshot) -> FileCounts:
    """Counts whose sum is the number of rows in the snapshot. Raises AttemptFailed if none agree."""
    if counts is not None and counts.total == snapshot.records_added:
        return counts
    counts = count_apart(job, job.roster.unempty, fitted.read)
    if counts.total == snapshot.records_added:
        return counts
    raise attempt_failed(
        Category.WRITE_FAILURE,
        f"{snapshot.records_added} rows were staged and {counts.total} are in the files.",
        retryable=True,
    )


def _staged(job: Job, facts: TableFacts, state: TableState, snapshot: Snapshot) -> StagedTable:
    assert state.head is not None, "the floor was laid before the write"
    return StagedTable(
        table=job.work.table,
        table_uuid=facts.id,
        base_snapshot_id=state.head,
        staged_snapshot_id=snapshot.id,
        records_added=snapshot.records_added,
    )


def _nothing(job: Job) -> Staged:
    return StagedTable(table=job.work.table), {}
