"""Leases, as executors see them."""

from __future__ import annotations

from typing import Protocol

from autoloader.v1 import ingestions_pb2, leases_pb2, recovery_pb2

from control_plane.api.convert.destination import destination_to_proto
from control_plane.api.convert.enums import enum_name
from control_plane.api.convert.error import load_error_from_proto
from control_plane.api.convert.ingestion import format_to_proto
from control_plane.api.convert.load import on_bad_record_to_proto
from control_plane.api.convert.run import warning_from_proto
from control_plane.api.convert.schema import (
    columns_to_proto,
    on_schema_change_to_proto,
    schema_check_to_proto,
    wanted_from_proto,
)
from control_plane.api.convert.times import duration, timestamp
from control_plane.api.names import parse_uuid, run_name
from control_plane.domain.ingestion import OnBadRecord, SchemaCheck
from control_plane.domain.lease import AcquiredLease, FileException, Holding, Rejects, StagedTable, Staging
from control_plane.domain.preview import PreviewTerms
from control_plane.errors import InvalidField, Violation


def lease_to_proto(lease: AcquiredLease, *, source: ingestions_pb2.Source | None) -> leases_pb2.Lease:
    """`source` has the credentials opened; it goes out with files to load, and with those alone."""
    result = leases_pb2.Lease(
        id=lease.lease_id,
        fence=lease.fence,
        attempt=lease.attempt,
        ttl=duration(lease.ttl_seconds),
        server_time=timestamp(lease.now),
        run=run_name(lease.ingestion.id, lease.run_id),
        alone=lease.is_suspect,
    )
    if lease.staged is None:
        result.load.CopyFrom(load_work_to_proto(lease, source=source))
        result.load.verified_snapshot_id = lease.verified_snapshot_id
    else:
        result.publish.CopyFrom(_publish_work(lease, lease.staged))
    return result


def load_work_to_proto(
    lease: AcquiredLease | PreviewTerms, *, source: ingestions_pb2.Source | None
) -> leases_pb2.LoadWork:
    """Files, and how they are read; what the ledger verified of the table is for loads alone."""
    ingestion = lease.ingestion
    return leases_pb2.LoadWork(
        source=source,
        format=format_to_proto(ingestion.format),
        destination=destination_to_proto(ingestion.destination),
        columns=columns_to_proto(lease.columns),
        files=[
            leases_pb2.LeasedFile(
                uri=file.uri,
                size_bytes=file.size_bytes,
                etag=file.etag,
                modification_time_ns=file.modification_time_ns,
            )
            for file in lease.files
        ],
        schema_version=lease.schema_version,
        on_schema_change=on_schema_change_to_proto(ingestion.on_schema_change),
        schema_check=schema_check_to_proto(ingestion.schema.schema_check or SchemaCheck.FULL),
        hints=columns_to_proto(ingestion.schema.hints),
        fixed_columns=ingestion.fixed_columns,
        ignored_fields=lease.ignored_fields,
        on_bad_record=on_bad_record_to_proto(ingestion.load.on_bad_record or OnBadRecord.FAIL_FILE),
    )


def _publish_work(lease: AcquiredLease, staged: StagedTable) -> leases_pb2.PublishWork:
    return leases_pb2.PublishWork(
        destination=destination_to_proto(lease.ingestion.destination),
        staged=staged_to_proto(staged),
        rejects=staged_to_proto(lease.staged_rejects) if lease.staged_rejects else None,
    )


def staged_to_proto(staged: StagedTable) -> leases_pb2.StagedTable:
    return leases_pb2.StagedTable(
        table=staged.table,
        table_uuid=staged.table_uuid,
        base_snapshot_id=staged.base_snapshot_id,
        staged_snapshot_id=staged.staged_snapshot_id,
        records_added=staged.records_added,
    )


def staged_from_proto(staged: leases_pb2.StagedTable) -> StagedTable:
    return StagedTable(
        table=staged.table,
        table_uuid=staged.table_uuid,
        base_snapshot_id=staged.base_snapshot_id,
        staged_snapshot_id=staged.staged_snapshot_id,
        records_added=staged.records_added,
    )


def rejects_from_proto(message: leases_pb2.StageLeaseRequest | recovery_pb2.ForgottenLease) -> Rejects | None:
    if not message.HasField("rejects"):
        return None
    return Rejects(staged=staged_from_proto(message.rejects.staged), records=tuple(message.rejects.records))


class HoldingRequest(Protocol):
    """What every request about a lease that is held has."""

    lease: str
    fence: int
    attempt: str


def holding_from_proto(request: HoldingRequest) -> Holding:
    return Holding(
        lease_id=parse_uuid(request.lease, field="lease"),
        fence=request.fence,
        attempt=parse_uuid(request.attempt, field="attempt"),
    )


def staging_from_proto(request: leases_pb2.StageLeaseRequest) -> Staging:
    """Reads what was staged; whether it fits the lease's files is for the ledger to say."""
    return Staging(
        staged=staged_from_proto(request.staged),
        records_written=tuple(request.records_written),
        exceptions=tuple(
            exception_from_proto(exception, field=f"exceptions[{position}]")
            for position, exception in enumerate(request.exceptions)
        ),
        warnings=tuple(
            warning_from_proto(warning, field=f"warnings[{position}]")
            for position, warning in enumerate(request.warnings)
        ),
        leases_in_main=tuple(
            parse_uuid(lease, field=f"leases_in_main[{position}]")
            for position, lease in enumerate(request.leases_in_main)
        ),
        held_changes=tuple(
            wanted_from_proto(wanted, field=f"held_changes[{position}]")
            for position, wanted in enumerate(request.held_changes)
        ),
        rejects=rejects_from_proto(request),
    )


def exception_from_proto(message: leases_pb2.FileOutcome, *, field: str) -> FileException:
    outcome = enum_name(leases_pb2.FileOutcome.Outcome.DESCRIPTOR, "OUTCOME_", message.outcome)
    if outcome is None:
        raise InvalidField(Violation(f"{field}.outcome", f"{message.outcome} is no outcome"))
    return FileException(
        index=message.index,
        outcome=outcome,
        error=load_error_from_proto(message.error, field=f"{field}.error"),
        records_rejected=message.records_rejected,
    )
