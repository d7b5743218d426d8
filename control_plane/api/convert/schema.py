"""Columns, the policy by which they change, and their versions."""

from __future__ import annotations

from collections.abc import Sequence

from autoloader.v1 import ingestions_pb2 as pb
from autoloader.v1 import leases_pb2, schema_changes_pb2, schemas_pb2

from control_plane.api.convert.enums import enum_name
from control_plane.api.convert.times import timestamp
from control_plane.api.names import file_name, run_name, schema_change_name, schema_version_name
from control_plane.domain.checks_of_table import COLUMNS_MAX, check_columns, normalize_columns
from control_plane.domain.columns import parse_type
from control_plane.domain.ingestion import Column, Ingestion, OnSchemaChange, SchemaCheck, SchemaPolicy
from control_plane.domain.schema import Change, ChangeKind, Proposal, SchemaChange, SchemaVersion, WantedChange
from control_plane.errors import InvalidField, Violation

PATH_CHARACTERS_MAX = 10_000
_POLICY, _CHECK = "ON_SCHEMA_CHANGE_", "SCHEMA_CHECK_"
_KINDS_OF_FILES = (ChangeKind.ADDED, ChangeKind.WIDENED)


def columns_to_proto(columns: Sequence[Column]) -> list[pb.Column]:
    return [pb.Column(name=column.name, type=column.type) for column in columns]


def columns_from_proto(columns: Sequence[pb.Column]) -> tuple[Column, ...]:
    return tuple(Column(name=column.name, type=column.type) for column in columns)


def schema_to_proto(ingestion: Ingestion) -> pb.SchemaPolicy:
    policy, check = ingestion.schema.on_schema_change, ingestion.schema.schema_check
    return pb.SchemaPolicy(
        columns=columns_to_proto(ingestion.columns),
        hints=columns_to_proto(ingestion.schema.hints),
        on_schema_change=on_schema_change_to_proto(policy) if policy else pb.SchemaPolicy.ON_SCHEMA_CHANGE_UNSPECIFIED,
        schema_check=schema_check_to_proto(check) if check else pb.SchemaPolicy.SCHEMA_CHECK_UNSPECIFIED,
    )


def schema_from_proto(message: pb.SchemaPolicy) -> SchemaPolicy:
    """Reads all but the declared columns. Numbers that only a newer server knows are defaults: `check_schema` tells."""
    policy = enum_name(pb.SchemaPolicy.OnSchemaChange.DESCRIPTOR, _POLICY, message.on_schema_change)
    check = enum_name(pb.SchemaPolicy.SchemaCheck.DESCRIPTOR, _CHECK, message.schema_check)
    return SchemaPolicy(
        hints=columns_from_proto(message.hints),
        on_schema_change=OnSchemaChange(policy) if policy else None,
        schema_check=SchemaCheck(check) if check else None,
    )


def check_schema(message: pb.SchemaPolicy) -> list[Violation]:
    """Names the fields whose numbers this server does not know."""
    read = schema_from_proto(message)
    violations = []
    if message.on_schema_change and read.on_schema_change is None:
        known = ", ".join(OnSchemaChange)
        violations.append(Violation("schema.on_schema_change", f"{message.on_schema_change} is none of {known}"))
    if message.schema_check and read.schema_check is None:
        known = ", ".join(SchemaCheck)
        violations.append(Violation("schema.schema_check", f"{message.schema_check} is none of {known}"))
    return violations


def on_schema_change_to_proto(policy: OnSchemaChange) -> pb.SchemaPolicy.OnSchemaChange.ValueType:
    return pb.SchemaPolicy.OnSchemaChange.Value(_POLICY + policy)


def schema_check_to_proto(check: SchemaCheck) -> pb.SchemaPolicy.SchemaCheck.ValueType:
    return pb.SchemaPolicy.SchemaCheck.Value(_CHECK + check)


def proposal_from_proto(request: leases_pb2.ProposeSchemaRequest) -> Proposal:
    """Reads columns that an executor offers, with their types in one spelling. Raises InvalidField."""
    columns = columns_from_proto(request.columns)
    violations = [*check_columns(columns, field="columns")]
    if not columns:
        violations.append(Violation("columns", "is empty; propose at least one column"))
    if len(request.changes) > COLUMNS_MAX:
        violations.append(Violation("changes", f"has more than {COLUMNS_MAX}"))
    if violations:
        raise InvalidField(*violations)
    return Proposal(
        columns=normalize_columns(columns),
        base_version=request.base_version,
        files={each.change.path: each.files[0] for each in request.changes if each.files and each.files[0] >= 0},
    )


def wanted_from_proto(message: leases_pb2.WantedChange, *, field: str) -> WantedChange:
    """Reads what files of a lease ask for: something to add or to widen. Raises InvalidField."""
    change = message.change
    kind = enum_name(schema_changes_pb2.SchemaChange.Kind.DESCRIPTOR, "KIND_", change.kind)
    if kind not in _KINDS_OF_FILES:
        raise InvalidField(Violation(f"{field}.change.kind", f"files ask for one of {', '.join(_KINDS_OF_FILES)}"))
    if not 1 <= len(change.path) <= PATH_CHARACTERS_MAX or "\0" in change.path:
        raise InvalidField(
            Violation(f"{field}.change.path", f"is missing, has a NUL, or more than {PATH_CHARACTERS_MAX} characters")
        )
    return WantedChange(
        change=Change(
            kind=ChangeKind(kind),
            path=change.path,
            old_type=_type(change.old_type, field=f"{field}.change.old_type") if change.old_type else "",
            new_type=_type(change.new_type, field=f"{field}.change.new_type"),
        ),
        files=tuple(message.files),
    )


def _type(text: str, *, field: str) -> str:
    try:
        return parse_type(text)
    except ValueError as error:
        raise InvalidField(Violation(field, str(error))) from error


def change_to_proto(change: SchemaChange, *, ingestion: str) -> schema_changes_pb2.SchemaChange:
    what = change.change
    kinds, states = schema_changes_pb2.SchemaChange.Kind, schema_changes_pb2.SchemaChange.State
    return schema_changes_pb2.SchemaChange(
        name="" if change.change_id is None else schema_change_name(ingestion, change.change_id),
        state=states.Value("STATE_" + change.state),
        kind=kinds.Value("KIND_" + what.kind),
        path=what.path,
        old_type=what.old_type,
        new_type=what.new_type,
        file="" if change.file_id is None else file_name(ingestion, change.file_id),
        run="" if change.run_id is None else run_name(ingestion, change.run_id),
        schema_version="" if change.version is None else schema_version_name(ingestion, change.version),
        file_count=change.file_count,
        create_time=timestamp(change.create_time),
        resolve_time=timestamp(change.resolve_time),
    )


def version_to_proto(version: SchemaVersion, *, ingestion: str) -> schemas_pb2.SchemaVersion:
    kind = schemas_pb2.SchemaVersion
    return kind(
        name=schema_version_name(ingestion, version.version),
        state=kind.STATE_CURRENT if version.is_current else kind.STATE_SUPERSEDED,
        origin=kind.Origin.Value("ORIGIN_" + version.origin),
        columns=columns_to_proto(version.columns),
        changes=[change_to_proto(change, ingestion=ingestion) for change in version.changes],
        change_count=version.change_count,
        on_schema_change=on_schema_change_to_proto(version.on_schema_change),
        run="" if version.run_id is None else run_name(ingestion, version.run_id),
        create_time=timestamp(version.create_time),
        held_changes=[change_to_proto(change, ingestion=ingestion) for change in version.held_changes],
    )
