"""Previews, as executors and callers see them."""

from __future__ import annotations

from autoloader.v1 import ingestions_pb2, leases_pb2

from control_plane.api.convert.error import load_error_to_proto
from control_plane.api.convert.lease import load_work_to_proto
from control_plane.api.convert.times import duration, timestamp
from control_plane.domain.file import LoadError
from control_plane.domain.preview import FENCE, AcquiredPreview


def preview_lease_to_proto(
    preview: AcquiredPreview, *, source: ingestions_pb2.Source, ttl_seconds: float
) -> leases_pb2.Lease:
    """`source` has the credentials opened."""
    terms = preview.terms
    return leases_pb2.Lease(
        id=preview.preview_id,
        fence=FENCE,
        attempt=preview.attempt,
        ttl=duration(ttl_seconds),
        server_time=timestamp(preview.now),
        preview=leases_pb2.PreviewWork(load=load_work_to_proto(terms, source=source), row_count=terms.row_count),
    )


def failed_preview(error: LoadError) -> ingestions_pb2.Preview:
    """A preview that shows nothing but why."""
    return ingestions_pb2.Preview(error=load_error_to_proto(error, ingestion=""))
