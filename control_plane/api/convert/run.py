"""Runs."""

from __future__ import annotations

from autoloader.v1 import runs_pb2

from control_plane.api.convert.enums import enum_name
from control_plane.api.convert.error import MESSAGE_CHARACTERS_MAX, load_error_to_proto, storable
from control_plane.api.convert.schema import change_to_proto
from control_plane.api.convert.times import duration, timestamp
from control_plane.api.names import run_name
from control_plane.domain.run import Run, RunWarning
from control_plane.errors import InvalidField, Violation

SUBJECT_CHARACTERS_MAX = 500


def run_to_proto(run: Run) -> runs_pb2.Run:
    return runs_pb2.Run(
        name=run_name(run.ingestion, run.run_id),
        state=runs_pb2.Run.State.Value("STATE_" + run.state),
        trigger=runs_pb2.Run.Trigger.Value("TRIGGER_" + run.trigger),
        create_time=timestamp(run.create_time),
        start_time=timestamp(run.start_time),
        end_time=timestamp(run.end_time),
        cancel_time=timestamp(run.cancel_time),
        duration=duration(_seconds(run)),
        files_discovered=run.files_discovered,
        files_processed=run.files_processed,
        files_failed=run.files_failed,
        files_skipped=run.files_skipped,
        files_missing=run.files_missing,
        files_remaining=run.files_remaining,
        records_written=run.records_written,
        records_rejected=run.records_rejected,
        bytes_read=run.bytes_read,
        listing_requests=run.listing_requests,
        objects_listed=run.objects_listed,
        errors=[load_error_to_proto(error, ingestion=run.ingestion) for error in run.errors],
        warnings=[warning_to_proto(warning) for warning in run.warnings],
        snapshot_ids=run.snapshot_ids,
        leases_in_doubt=run.leases_in_doubt,
        schema_changes=[change_to_proto(change, ingestion=run.ingestion) for change in run.schema_changes],
    )


def warning_to_proto(warning: RunWarning) -> runs_pb2.RunWarning:
    return runs_pb2.RunWarning(
        kind=runs_pb2.RunWarning.Kind.Value("KIND_" + warning.kind),
        subject=warning.subject,
        record_count=warning.record_count,
        message=warning.message,
    )


def warning_from_proto(warning: runs_pb2.RunWarning, *, field: str) -> RunWarning:
    kind = enum_name(runs_pb2.RunWarning.Kind.DESCRIPTOR, "KIND_", warning.kind)
    if kind is None:
        raise InvalidField(Violation(f"{field}.kind", f"{warning.kind} is no kind of warning"))
    return RunWarning(
        kind=kind,
        subject=storable(warning.subject, SUBJECT_CHARACTERS_MAX),
        record_count=warning.record_count,
        message=storable(warning.message, MESSAGE_CHARACTERS_MAX),
    )


def _seconds(run: Run) -> float:
    if run.start_time is None:
        return 0.0
    return ((run.end_time or run.now) - run.start_time).total_seconds()
