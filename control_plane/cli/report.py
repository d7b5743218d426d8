"""Tells what a pass loaded, what it could not load and why, and how to read the table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import grpc
from autoloader.v1 import files_pb2, runs_pb2
from autoloader.v1.errors_pb2 import ERROR_CATEGORY_UNKNOWN
from autoloader.v1.files_pb2_grpc import FileServiceStub

from control_plane.cli.runs import changes_of, problem_of, warning_of
from control_plane.cli.show import enum_name, state_of

if TYPE_CHECKING:
    from autoloader.v1.files_pb2_grpc import FileServiceAsyncStub

FILES_NAMED_MAX = 20
CAUSE_LENGTH_MAX = 400


async def report(channel: grpc.aio.Channel, runs: Sequence[runs_pb2.Run], *, reading: str) -> list[str]:
    """The outcome of runs of one ingestion; `reading`, which reads the table, when it has rows.

    All but the last run had been left unfinished by an earlier process.
    """
    parent = runs[-1].name.rpartition("/runs/")[0]
    files = FileServiceStub(channel)
    lines = [line for run in runs for line in await _lines(files, run, parent)]
    request = files_pb2.SummarizeFilesRequest(parent=parent)
    summaries = (await files.SummarizeFiles(request)).summaries
    has_rows = any(each.records_written for each in summaries)
    return [
        *(["A run that was left unfinished came to its end first."] if len(runs) > 1 else []),
        *lines,
        f"All files of {parent}: {counts_of(summaries)}.",
        *_hint(summaries, parent),
        *(["", reading] if has_rows else []),
    ]


async def _lines(files: FileServiceAsyncStub, run: runs_pb2.Run, parent: str) -> list[str]:
    return [
        outcome_of(run),
        *_failures(run, await _not_loaded(files, run, parent)),
        *(problem_of(error) for error in run.errors if not error.file_count),
        *map(warning_of, run.warnings),
        *changes_of(run),
    ]


async def _not_loaded(files: FileServiceAsyncStub, run: runs_pb2.Run, parent: str) -> list[files_pb2.File]:
    named: list[files_pb2.File] = []
    for state in ("FAILED", "MISSING"):
        request = files_pb2.ListFilesRequest(
            parent=parent,
            filter=f'state = {state} AND run = "{run.name}"',
            page_size=FILES_NAMED_MAX,
        )
        named.extend((await files.ListFiles(request)).files)
    return named


def outcome_of(run: runs_pb2.Run) -> str:
    """What a run loaded, in a sentence."""
    seconds = run.duration.ToTimedelta().total_seconds()
    if run.state == runs_pb2.Run.STATE_CANCELLED:
        return f"Cancelled after {seconds:.1f} s; {run.records_written:,} records were loaded."
    if not run.files_processed and not run.files_failed and not run.files_missing and not run.errors:
        return f"Nothing new among {counted(run.objects_listed, 'object')}."
    if not run.files_processed:
        return f"Nothing could be loaded; the run ended after {seconds:.1f} s."
    files, records = counted(run.files_processed, "file"), counted(run.records_written, "record")
    kept = f", and {run.records_rejected:,} kept aside" if run.records_rejected and not run.files_failed else ""
    return f"Loaded {files}: {records}{kept} in {seconds:.1f} s."


def counted(count: int, noun: str) -> str:
    """`1 file`, `1,000 files`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _failures(run: runs_pb2.Run, named: Sequence[files_pb2.File]) -> Iterator[str]:
    count = run.files_failed + run.files_missing
    if not count:
        return
    yield f"Not loaded: {counted(count, 'file')}."
    for file in named[:FILES_NAMED_MAX]:
        yield f"  {file.uri}"
        yield f"    {enum_name(file.error, 'category')}: {file.error.message}"
        if file.error.category == ERROR_CATEGORY_UNKNOWN:
            yield f"    {file.error.cause[:CAUSE_LENGTH_MAX]}"
    if count > FILES_NAMED_MAX:
        yield f"  and {count - FILES_NAMED_MAX:,} more; autoloader files list shows them"


def _hint(summaries: Iterable[files_pb2.FileSummary], parent: str) -> Iterator[str]:
    if any(each.state == files_pb2.File.STATE_FAILED for each in summaries):
        yield (
            "A FAILED file is loaded when it has changed; or, with autoloader dev running, by "
            f"autoloader files retry {parent.removeprefix('ingestions/')}."
        )


def counts_of(summaries: Iterable[files_pb2.FileSummary]) -> str:
    """How many files are in which state."""
    return ", ".join(f"{each.file_count:,} {state_of(each)}" for each in summaries) or "none"
