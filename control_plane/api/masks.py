"""Update masks: which fields of an ingestion an update changes, and which it may not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autoloader.v1 import ingestions_pb2 as pb
from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from control_plane.errors import InvalidField, Violation

EVERYTHING = "*"
PATHS_MAX = 200

# Neither may be changed: one names the ingestion, the other guards the update.
_NOT_CONFIGURATION = ("name", "etag")


def apply_mask(stored: pb.Ingestion, sent: pb.Ingestion, paths: Sequence[str]) -> pb.Ingestion:
    """Gives the stored ingestion with the named fields of the sent one.

    No paths: every field that is set. `*`: every field. A named field that is not set is cleared,
    but one that never changes stays. InvalidField for a path that is unknown or cannot change.
    """
    _check(paths)
    chosen = _chosen(sent, paths)
    result = pb.Ingestion()
    result.CopyFrom(stored)
    for path in chosen:
        _copy(sent, result, path.split("."))
    _keep_fixed_fields(stored, result)
    return result


def _check(paths: Sequence[str]) -> None:
    if len(paths) > PATHS_MAX:
        raise InvalidField(Violation("update_mask", f"has more than {PATHS_MAX} paths"))
    if EVERYTHING in paths and len(paths) > 1:
        raise InvalidField(Violation("update_mask", "`*` stands alone"))
    known = _all_paths(pb.Ingestion.DESCRIPTOR)
    violations = [
        Violation("update_mask", reason) for path in paths if path != EVERYTHING and (reason := _refusal(path, known))
    ]
    if violations:
        raise InvalidField(*violations)


def _refusal(path: str, known: dict[str, bool]) -> str:
    if path in _NOT_CONFIGURATION:
        return f"`{path}` cannot be changed; leave it out of the mask"
    if path not in known:
        parent = path.rpartition(".")[0]
        hint = f"; name `{parent}` as a whole" if parent in known else ""
        return f"`{path}` is no field of an ingestion{hint}"
    return "" if known[path] else f"`{path}` is written by the server alone"


def _chosen(sent: pb.Ingestion, paths: Sequence[str]) -> list[str]:
    if not paths:
        return [path for path in _set_paths(sent) if _is_configuration(path)]
    if EVERYTHING in paths:
        top = [field.name for field in pb.Ingestion.DESCRIPTOR.fields]
        return [path for path in top if _is_configuration(path)]
    return list(paths)


def _is_configuration(path: str) -> bool:
    top = pb.Ingestion.DESCRIPTOR.fields_by_name[path.partition(".")[0]]
    return top.name not in _NOT_CONFIGURATION and not _is_output_only(top)


def _all_paths(descriptor: Descriptor, prefix: str = "") -> dict[str, bool]:
    """Gives every path of a message with whether a caller may write it; what repeats is whole."""
    paths: dict[str, bool] = {}
    for field in descriptor.fields:
        path = f"{prefix}{field.name}"
        paths[path] = not _is_output_only(field)
        if field.message_type and not field.is_repeated and paths[path]:
            paths |= _all_paths(field.message_type, f"{path}.")
    return paths


def _set_paths(message: Message, prefix: str = "") -> Iterator[str]:
    """Gives the paths of what is set, as deep as it goes; a choice that has no fields is a path."""
    for field, value in message.ListFields():
        path = f"{prefix}{field.name}"
        is_nested = field.message_type is not None and not field.is_repeated
        inner = list(_set_paths(value, f"{path}.")) if is_nested else []
        yield from inner or [path]


def _copy(sent: Message, result: Message, path: list[str]) -> None:
    name, *rest = path
    if rest:
        _copy(getattr(sent, name), getattr(result, name), rest)
    else:
        FieldMask(paths=[name]).MergeMessage(sent, result, True, True)


def _keep_fixed_fields(stored: pb.Ingestion, result: pb.Ingestion) -> None:
    result.source.uri = result.source.uri or stored.source.uri
    result.destination.table = result.destination.table or stored.destination.table
    if result.format.WhichOneof("kind") is None:
        result.format.CopyFrom(stored.format)


def _is_output_only(field: FieldDescriptor) -> bool:
    behaviour = field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
    return field_behavior_pb2.OUTPUT_ONLY in behaviour
