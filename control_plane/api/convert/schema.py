"""Columns, the policy by which they change, and their versions."""

from __future__ import annotations

from collections.abc import Sequence

from autoloader.v1 import ingestions_pb2 as pb
from autoloader.v1 import leases_pb2

from control_plane.api.convert.enums import enum_name
from control_plane.domain.checks_of_table import COLUMNS_MAX, check_columns, normalize_columns
from control_plane.domain.ingestion import Column, Ingestion, OnSchemaChange, SchemaCheck, SchemaPolicy
from control_plane.domain.schema import Proposal
from control_plane.errors import InvalidField, Violation

_POLICY, _CHECK = "ON_SCHEMA_CHANGE_", "SCHEMA_CHECK_"


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
