"""What a look at a source found."""

from __future__ import annotations

from autoloader.v1 import ingestions_pb2 as pb

from control_plane.api.convert.error import load_error_to_proto
from control_plane.sources.look import Look


def look_to_proto(look: Look, *, ingestion: str) -> pb.CheckIngestionResponse:
    return pb.CheckIngestionResponse(
        is_complete=look.is_complete,
        objects_listed=look.objects_listed,
        file_count=look.files,
        size_bytes=look.size_bytes,
        sample_uris=[file.uri for file in look.samples],
        unsupported_count=look.unsupported,
        unsupported=[pb.UnsupportedName(uri=file.uri, reason=file.unsupported) for file in look.unsupported_samples],
        error=load_error_to_proto(look.error, ingestion=ingestion) if look.error else None,
    )
