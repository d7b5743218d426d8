"""How an ingestion's work is cut, tried and what it leaves out."""

from __future__ import annotations

from autoloader.v1 import ingestions_pb2 as pb

from control_plane.api.convert.enums import enum_name
from control_plane.domain.ingestion import LoadPolicy, OnBadRecord
from control_plane.errors import Violation

_ON_BAD_RECORD = "ON_BAD_RECORD_"


def load_to_proto(load: LoadPolicy) -> pb.LoadPolicy:
    return pb.LoadPolicy(
        max_files_per_lease=load.max_files_per_lease,
        max_bytes_per_lease=load.max_bytes_per_lease,
        max_attempts=load.max_attempts,
        on_bad_record=on_bad_record_to_proto(load.on_bad_record)
        if load.on_bad_record
        else pb.LoadPolicy.ON_BAD_RECORD_UNSPECIFIED,
    )


def load_from_proto(message: pb.LoadPolicy) -> LoadPolicy:
    """Numbers that only a newer server knows are defaults: `check_load` tells."""
    on_bad_record = enum_name(pb.LoadPolicy.OnBadRecord.DESCRIPTOR, _ON_BAD_RECORD, message.on_bad_record)
    return LoadPolicy(
        max_files_per_lease=message.max_files_per_lease,
        max_bytes_per_lease=message.max_bytes_per_lease,
        max_attempts=message.max_attempts,
        on_bad_record=OnBadRecord(on_bad_record) if on_bad_record else None,
    )


def check_load(message: pb.LoadPolicy) -> list[Violation]:
    """Names the field whose number this server does not know."""
    if message.on_bad_record and load_from_proto(message).on_bad_record is None:
        known = ", ".join(OnBadRecord)
        return [Violation("load.on_bad_record", f"{message.on_bad_record} is none of {known}")]
    return []


def on_bad_record_to_proto(policy: OnBadRecord) -> pb.LoadPolicy.OnBadRecord.ValueType:
    return pb.LoadPolicy.OnBadRecord.Value(_ON_BAD_RECORD + policy)
