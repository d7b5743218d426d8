"""Where rows go, and the columns that say where they come from."""

from __future__ import annotations

from autoloader.v1 import ingestions_pb2 as pb

from control_plane.api.convert.enums import enum_name
from control_plane.domain.ingestion import Destination, MetadataColumn, MetadataKind
from control_plane.errors import Violation

_KIND = "KIND_"


def destination_to_proto(destination: Destination) -> pb.Destination:
    return pb.Destination(
        table=destination.table,
        table_properties=dict(destination.table_properties),
        metadata_columns=[
            pb.MetadataColumn(kind=pb.MetadataColumn.Kind.Value(_KIND + column.kind), name=column.name)
            for column in destination.metadata_columns
        ],
    )


def destination_from_proto(message: pb.Destination) -> Destination:
    """Leaves out columns of a kind that only a newer server knows: `check_destination` tells."""
    return Destination(
        table=message.table,
        table_properties=dict(message.table_properties),
        metadata_columns=tuple(
            MetadataColumn(kind=kind, name=column.name or kind.default_name)
            for column in message.metadata_columns
            if (kind := _kind(column)) is not None
        ),
    )


def check_destination(message: pb.Destination) -> list[Violation]:
    """Names the columns of which this server does not know the kind."""
    known = ", ".join(MetadataKind)
    return [
        Violation(f"destination.metadata_columns[{position}].kind", f"{column.kind} is none of {known}; name one")
        for position, column in enumerate(message.metadata_columns)
        if _kind(column) is None
    ]


def _kind(column: pb.MetadataColumn) -> MetadataKind | None:
    name = enum_name(pb.MetadataColumn.Kind.DESCRIPTOR, _KIND, column.kind)
    return MetadataKind(name) if name else None
