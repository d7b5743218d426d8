"""Shows what a load would make of some files: it reads as `load` does, and writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from executor import table as tables
from executor.columns import as_struct
from executor.diagnose import attempt_fails
from executor.evolution import Settled, first_columns, settle
from executor.field_check import check_fields
from executor.glimpse import BadRecord, Glimpse, glimpses_of
from executor.integrity import drop_broken_bzip2, drop_unchecked
from executor.job import Job
from executor.layouts import columns_by_layout, read_layouts, sample_of
from executor.lease import Category, Failure, LoadWork, OnBadRecord
from executor.metadata import read_state_and_schema
from executor.paths import address
from executor.previewed import Preview, PreviewedFile, PreviewWork, Rejected, Row
from executor.provenance import leave_out, without_metadata, without_metadata_schema
from executor.readers.formats import reader_of
from executor.readers.reader import Layout, Reader
from executor.rejects import NOT_TEXT
from executor.roster import Roster, roster_of
from executor.sample import Sample, take_sample
from executor.schema.reconcile import SchemaMismatch, adopt
from executor.schema.target import Target, target_of
from executor.schema.words import Change, Column, ColumnsInForce, OnSchemaChange, SchemaCheck
from executor.spark import Sessions
from executor.storage import Store, open_store
from executor.table import TableName

# Of more, only the beginnings are read.
WHOLE_BYTES_MAX = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    """The files of a preview as they look before Spark has read any; `is_whole` if all of their bytes are looked at."""

    load: LoadWork
    roster: Roster
    reader: Reader
    store: Store
    layouts: Mapping[int, Layout]
    sample: Sample
    is_whole: bool


def preview(work: PreviewWork, *, sessions: Sessions, check_held: Callable[[], None]) -> Preview:
    """What a load of the files would make of them. Blocks; `check_held` raises when nobody waits any more.

    Raises AttemptFailed when nothing can be said of single files, such as without a catalog.
    """
    files = _look(work.load)
    load, roster = files.load, files.roster
    if not roster.unempty:
        roster.drop_troubled(files.store.troubles)
        return Preview(files=_previewed(files, {}), columns=load.columns)
    check_held()
    table = tables.table_name(load.table, default_catalog=sessions.default_catalog)
    with sessions.lend_loader() as spark, attempt_fails(load.s3.secrets):
        schema = _schema_of(spark, table)
        settled, misfit = _settle(files, spark, schema, check_held)
        target = target_of(as_struct(settled.columns), schema, may_change=_may_change(load))
        job = _job(files, spark, table, settled, check_held)
        seen = glimpses_of(job, target.read, row_count=work.row_count, is_whole=files.is_whole)
        return _preview(files, settled, target, seen, misfit=misfit or target.mismatch, schema=schema, work=work)


def _look(load: LoadWork) -> _Files:
    is_whole = sum(file.size_bytes for file in load.files) <= WHOLE_BYTES_MAX
    # So that what would be passed over is seen among the records that cannot be read.
    load = replace(load, on_bad_record=OnBadRecord.KEEP_ASIDE)
    if not is_whole and load.schema.check is SchemaCheck.FULL:
        load = replace(load, schema=replace(load.schema, check=SchemaCheck.SAMPLE))
    roster = roster_of(load.files)
    reader, store = reader_of(load.format, load.columns), open_store(load.source_uri, s3=load.s3)
    if is_whole:
        drop_broken_bzip2(roster, store)
        drop_unchecked(roster, store, reader)
    layouts = read_layouts(roster, store, reader)
    if reader.is_typed:
        sample = sample_of(layouts)
    else:
        sample = take_sample(roster, store, reader, is_for_columns=not load.columns)
    return _Files(
        load=load, roster=roster, reader=reader, store=store, layouts=layouts, sample=sample, is_whole=is_whole
    )


def _schema_of(spark: SparkSession, table: TableName) -> StructType | None:
    """The columns of the table, or None when there is no such table."""
    found = read_state_and_schema(spark, table.sql)
    return found[1] if found else None


def _settle(
    files: _Files, spark: SparkSession, schema: StructType | None, check_held: Callable[[], None]
) -> tuple[Settled, str]:
    """The columns that would hold, if the ledger took what is proposed; and why the table would take none of them."""
    load, roster, reader = files.load, files.roster, files.reader
    place = address(load.source_uri, s3=load.s3)
    found = columns_by_layout(spark, roster, files.layouts, reader=reader, address=place)
    seen = check_fields(
        load,
        roster,
        files.sample,
        store=files.store,
        reader=reader,
        layouts=files.layouts,
        found=found,
        check_held=check_held,
    )
    seen, left_out = leave_out(seen, load)
    in_force, misfit = ColumnsInForce(columns=load.columns, version=load.schema.version), ""
    if not load.columns:
        guess = first_columns(seen) if reader.is_typed else reader.guess(files.sample.records)
        of_files = without_metadata_schema(schema, load) if schema is not None else None
        columns, misfit = _first(without_metadata(guess, load), of_files, hints=load.schema.hints)
        in_force = ColumnsInForce(columns=columns, version=1 if columns else 0)
    settled = settle(load, roster, seen, in_force, reader=reader, evolve=_agree)
    columns = without_metadata(settled.columns, load)
    return replace(settled, columns=columns, unknown=(*settled.unknown, *left_out)), misfit


def _first(
    guess: tuple[Column, ...], schema: StructType | None, *, hints: tuple[Column, ...]
) -> tuple[tuple[Column, ...], str]:
    """The first columns of an ingestion: those guessed, or of a table that is there its own, under the types hinted."""
    misfit = ""
    if guess and schema is not None:
        try:
            guess = adopt(guess, schema)
        except SchemaMismatch as mismatch:
            misfit = str(mismatch)
    types = {hint.name.lower(): hint.type for hint in hints}
    return tuple(replace(column, type=types.get(column.name.lower(), column.type)) for column in guess), misfit


def _agree(columns: tuple[Column, ...], base_version: int, shown_by: Mapping[Change, int]) -> ColumnsInForce:
    """Stands for the ledger, which is not asked."""
    return ColumnsInForce(columns=columns, version=base_version + 1)


def _may_change(load: LoadWork) -> bool:
    """Whether a load gives the table what it lacks, as `destination` has it."""
    return load.schema.on_schema_change is not OnSchemaChange.IGNORE or bool(load.schema.version)


def _job(files: _Files, spark: SparkSession, table: TableName, settled: Settled, check_held: Callable[[], None]) -> Job:
    """What reading asks for; nothing is staged with it."""
    return Job(
        work=files.load,
        run="",
        lease_id="",
        attempt="",
        time_us=0,
        columns=settled.columns,
        table=table,
        spark=spark,
        roster=files.roster,
        sample=files.sample,
        reader=files.reader,
        layouts=files.layouts,
        store=files.store,
        address=address(files.load.source_uri, s3=files.load.s3),
        check_held=check_held,
        phase=lambda name: None,
        make_durable=lambda: None,
    )


def _preview(
    files: _Files,
    settled: Settled,
    target: Target,
    seen: Mapping[int, Glimpse],
    *,
    misfit: str,
    schema: StructType | None,
    work: PreviewWork,
) -> Preview:
    rows = [Row(index=index, json=json) for index, one in seen.items() for json in one.rows]
    rejected = [(index, bad) for index, one in seen.items() for bad in one.bad]
    return Preview(
        files=_previewed(files, seen),
        columns=settled.columns,
        rows=tuple(rows[: work.row_count]),
        rejected=tuple(_rejected(files, settled, *each) for each in rejected[: work.row_count]),
        table_exists=schema is not None,
        changes=target.changes,
        held=tuple(settled.held),
        unknown=settled.unknown,
        failure=_misfit(files.load, misfit) if misfit else None,
    )


def _previewed(files: _Files, seen: Mapping[int, Glimpse]) -> tuple[PreviewedFile, ...]:
    outcomes = files.roster.outcomes
    return tuple(
        PreviewedFile(
            file=file,
            records_read=seen[index].records_read if index in seen else 0,
            records_rejected=seen[index].records_rejected if index in seen else 0,
            is_whole=files.is_whole and (index not in seen or seen[index].is_whole),
            failure=outcomes[index].failure if index in outcomes else None,
        )
        for index, file in enumerate(files.load.files)
    )


def _rejected(files: _Files, settled: Settled, index: int, bad: BadRecord) -> Rejected:
    types = {column.name: column.type for column in settled.columns}
    reason = files.reader.reason(bad.content, types, layout=files.layouts.get(index)) if bad.is_text else NOT_TEXT
    return Rejected(index=index, record=bad.number, content=bad.content, reason=reason)


def _misfit(load: LoadWork, misfit: str) -> Failure:
    return Failure(
        category=Category.SCHEMA_MISMATCH,
        message=f"The files do not fit table `{load.table}`: {misfit}. Change the table, or declare columns that fit"
        " it.",
    )
