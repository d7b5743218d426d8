"""Loads the files of one lease into a snapshot that no reader sees."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from pyspark.sql import SparkSession

from executor import staging
from executor import table as tables
from executor.beside import objects_beside
from executor.diagnose import attempt_fails
from executor.errors import attempt_failed
from executor.evolution import NOTHING_SETTLED, Settled, first_columns, settle
from executor.failpoints import failpoint
from executor.field_check import check_fields
from executor.integrity import drop_broken_bzip2, drop_unchecked
from executor.job import Job
from executor.layouts import columns_by_layout, read_layouts, sample_of
from executor.lease import Category, LoadWork, Rejects, StagedTable, StageResult
from executor.manifests import Manifest, leave_manifest, now_ms
from executor.paths import address
from executor.provenance import leave_out, without_metadata, without_metadata_schema
from executor.readers.formats import reader_of
from executor.roster import Roster, roster_of
from executor.sample import take_sample
from executor.schema.reconcile import SchemaMismatch, adopt
from executor.schema.words import Column, ColumnsInForce, Evolve
from executor.spark import Sessions
from executor.staging import Staged
from executor.storage import open_store
from executor.table import TableName


def stage(
    work: LoadWork,
    *,
    sessions: Sessions,
    run: str,
    lease_id: str,
    attempt: str,
    evolve: Evolve,
    check_held: Callable[[], None],
    phase: Callable[[str], None],
) -> StageResult:
    """Stages what can be read of the files, leaves a manifest, and says why each of the others cannot.

    Blocks. `check_held` raises when the lease is no longer ours, and is asked before each
    expensive step and each commit; `phase` hears "read", "stage" and "verify" as they begin.
    Raises AttemptFailed when nothing can be said of single files, such as without a catalog.
    """
    time_us = time.time_ns() // 1000
    phase("read")
    roster = roster_of(work.files)
    reader, store = reader_of(work.format, work.columns), open_store(work.source_uri, s3=work.s3)
    drop_broken_bzip2(roster, store)
    drop_unchecked(roster, store, reader)
    layouts = read_layouts(roster, store, reader)
    if reader.is_typed:
        sample = sample_of(layouts)
    else:
        sample = take_sample(roster, store, reader, is_for_columns=not work.columns)
    if not roster.unempty:
        roster.drop_troubled(store.troubles)
        return _result(work, roster, Staged(table=StagedTable(table=work.table), counts={}), NOTHING_SETTLED)
    failpoint("executor.after_read")
    check_held()
    table = tables.table_name(work.table, default_catalog=sessions.default_catalog)
    place = address(work.source_uri, s3=work.s3)
    with sessions.lend_loader() as spark, attempt_fails(work.s3.secrets):
        found = columns_by_layout(spark, roster, layouts, reader=reader, address=place)
        seen = check_fields(
            work,
            roster,
            sample,
            store=store,
            reader=reader,
            layouts=layouts,
            found=found,
            check_held=check_held,
        )
        seen, left_out = leave_out(seen, work)
        guess = first_columns(seen) if reader.is_typed else reader.guess(sample.records)
        guess = without_metadata(guess, work)
        in_force = ColumnsInForce(columns=work.columns, version=work.schema.version)
        if not work.columns and guess:
            in_force = evolve(_adopted(spark, table, guess, work), 0, {})
        settled = settle(work, roster, seen, in_force, reader=reader, evolve=evolve)
        settled = replace(settled, unknown=(*settled.unknown, *left_out))
        job = Job(
            work=work,
            run=run,
            lease_id=lease_id,
            attempt=attempt,
            time_us=time_us,
            columns=without_metadata(settled.columns, work),
            table=table,
            spark=spark,
            roster=roster,
            sample=sample,
            reader=reader,
            layouts=layouts,
            store=store,
            address=place,
            check_held=check_held,
            phase=phase,
            make_durable=sessions.make_durable,
        )
        staged = staging.stage(job)
        if not staged.table.staged_snapshot_id:
            # What was listed as empty may have been filled since, and would never be looked at again.
            roster.drop_troubled(store.troubles)
        result = _result(work, roster, staged, settled)
        _leave_manifest(job, staged, result)
    return result


def _adopted(spark: SparkSession, table: TableName, guess: tuple[Column, ...], work: LoadWork) -> tuple[Column, ...]:
    """Columns to propose: those guessed, or of a table that is there, its own."""
    facts = tables.read_facts(spark, table)
    try:
        return adopt(guess, without_metadata_schema(facts.schema, work)) if facts else guess
    except SchemaMismatch as mismatch:
        raise attempt_failed(
            Category.SCHEMA_MISMATCH,
            f"The files do not fit table `{table.sql}`: {mismatch}.",
            retryable=False,
        ) from mismatch


def _result(work: LoadWork, roster: Roster, staged: Staged, settled: Settled) -> StageResult:
    return StageResult(
        staged=staged.table,
        records_written=tuple(staged.counts.get(index, 0) for index in range(len(work.files))),
        exceptions=roster.exceptions,
        unknown_fields=settled.unknown,
        leases_in_main=staged.leases_in_main,
        held_changes=settled.held,
        rejects=_rejects(work, staged),
    )


def _rejects(work: LoadWork, staged: Staged) -> Rejects | None:
    if staged.rejects is None:
        return None
    return Rejects(
        staged=staged.rejects, records=tuple(staged.rejected.get(index, 0) for index in range(len(work.files)))
    )


def _leave_manifest(job: Job, staged: Staged, result: StageResult) -> None:
    """Before the decision, since only what was decided is published. Without rows there is nothing to know again."""
    if not staged.table.staged_snapshot_id:
        return
    manifest = Manifest(
        ingestion=job.ingestion,
        lease_id=job.lease_id,
        attempt=job.attempt,
        time_ms=now_ms(),
        staged=staged.table,
        files=job.work.files,
        records_written=result.records_written,
        exceptions=result.exceptions,
        rejects=result.rejects,
    )
    leave_manifest(manifest, objects_beside(staged.location, spark=job.spark, table_sql=job.table.sql))
