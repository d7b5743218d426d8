"""Files."""

from __future__ import annotations

from collections.abc import Sequence

from autoloader.v1 import files_pb2

from control_plane.api.convert.error import load_error_to_proto
from control_plane.api.convert.times import timestamp, timestamp_of_ns
from control_plane.api.names import file_name, run_name
from control_plane.domain.explanation import Explanation
from control_plane.domain.file import File, FileSummary


def file_to_proto(file: File) -> files_pb2.File:
    error = load_error_to_proto(file.error, ingestion=file.ingestion) if file.error else None
    return files_pb2.File(
        name=file_name(file.ingestion, file.file_id),
        uri=file.uri,
        generation=file.generation,
        state=files_pb2.File.State.Value("STATE_" + file.state),
        size_bytes=file.size_bytes,
        etag=file.etag,
        modification_time=timestamp_of_ns(file.modification_time_ns),
        discover_time=timestamp(file.discover_time),
        end_time=timestamp(file.end_time),
        run=run_name(file.ingestion, file.run_id),
        attempts=file.attempts,
        records_written=file.records_written,
        records_rejected=file.records_rejected,
        snapshot_id=file.snapshot_id,
        error=error,
    )


def summary_to_proto(summary: FileSummary) -> files_pb2.FileSummary:
    return files_pb2.FileSummary(
        state=files_pb2.File.State.Value("STATE_" + summary.state),
        file_count=summary.file_count,
        size_bytes=summary.size_bytes,
        records_written=summary.records_written,
        records_rejected=summary.records_rejected,
    )


def explanation_to_proto(
    told: Explanation, *, ingestion: str, run_id: int | None, versions: Sequence[File] = ()
) -> files_pb2.ExplainFileResponse:
    return files_pb2.ExplainFileResponse(
        verdict=files_pb2.ExplainFileResponse.Verdict.Value("VERDICT_" + told.verdict),
        explanation=told.sentence,
        files=map(file_to_proto, versions),
        run=run_name(ingestion, run_id) if run_id is not None else "",
    )
