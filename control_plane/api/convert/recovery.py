"""Leases that a ledger shows, and those that it forgot."""

from __future__ import annotations

from autoloader.v1 import leases_pb2, recovery_pb2

from control_plane.api.convert.lease import (
    exception_from_proto,
    rejects_from_proto,
    staged_from_proto,
    staged_to_proto,
)
from control_plane.api.convert.times import timestamp
from control_plane.api.names import parse_uuid, run_name
from control_plane.domain.lease import LeasedFile
from control_plane.domain.recovery import ForgottenLease, LedgerLease, RestoredLease


def ledger_lease_to_proto(lease: LedgerLease) -> recovery_pb2.LedgerLease:
    return recovery_pb2.LedgerLease(
        id=lease.lease_id,
        run=run_name(lease.ingestion, lease.run_id),
        state=recovery_pb2.LedgerLease.State.Value("STATE_" + lease.state),
        attempt=lease.attempt,
        staged=staged_to_proto(lease.staged),
        published_snapshot_id=lease.published_snapshot_id,
        file_count=lease.file_count,
        records_written=lease.records_written,
        end_time=timestamp(lease.end_time),
        rejects=staged_to_proto(lease.rejects) if lease.rejects else None,
        published_rejects_snapshot_id=lease.published_rejects_snapshot_id,
    )


def forgotten_from_proto(message: recovery_pb2.ForgottenLease, *, field: str) -> ForgottenLease:
    return ForgottenLease(
        lease_id=parse_uuid(message.id, field=f"{field}id"),
        attempt=parse_uuid(message.attempt, field=f"{field}attempt") if message.attempt else "",
        staged=staged_from_proto(message.staged),
        published_snapshot_id=message.published_snapshot_id,
        files=tuple(_file(file) for file in message.files),
        records_written=tuple(message.records_written),
        exceptions=tuple(
            exception_from_proto(exception, field=f"{field}exceptions[{position}]")
            for position, exception in enumerate(message.exceptions)
        ),
        rejects=rejects_from_proto(message),
        published_rejects_snapshot_id=message.published_rejects_snapshot_id,
    )


def restored_to_proto(restored: RestoredLease) -> recovery_pb2.RestoredLease:
    return recovery_pb2.RestoredLease(
        id=restored.lease_id,
        result=recovery_pb2.RestoredLease.Result.Value("RESULT_" + restored.result),
        files_restored=restored.files_restored,
        message=restored.message,
    )


def _file(message: leases_pb2.LeasedFile) -> LeasedFile:
    return LeasedFile(
        uri=message.uri,
        size_bytes=message.size_bytes,
        etag=message.etag,
        modification_time_ns=message.modification_time_ns,
    )
