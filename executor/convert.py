"""Translates between the wire's messages and the executor's words."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from autoloader.v1 import errors_pb2, ingestions_pb2, leases_pb2, runs_pb2

from executor.credentials import KeyRing, Keys
from executor.errors import AttemptFailed
from executor.lease import (
    Category,
    Failure,
    FileOutcome,
    Format,
    Lease,
    LeasedFile,
    LoadWork,
    OnBadRecord,
    PublishWork,
    Rejects,
    S3Access,
    StagedTable,
    StageResult,
    UnknownField,
)
from executor.metadata_columns import MetadataColumn, MetadataKind
from executor.previewed import PreviewWork
from executor.schema.words import Column
from executor.terms import held_messages, terms_from, word

MESSAGE_BYTES_MAX = 1_000
CAUSE_BYTES_MAX = 2_000
# A message is at most 4 MiB: this is left for the texts when thousands of files fail together.
TEXT_BYTES_MAX = 3_000_000
WARNINGS_MAX = 200
# The API's; Hadoop's own is another, by which a server that checks it refuses every signature.
DEFAULT_REGION = "us-east-1"


def lease_from(message: leases_pb2.Lease, *, keys: KeyRing) -> Lease:
    """The lease, with its keys found. Raises AttemptFailed when we cannot do such work."""
    return Lease(
        id=message.id,
        fence=message.fence,
        attempt=message.attempt,
        run=message.run,
        ttl_seconds=message.ttl.ToTimedelta().total_seconds(),
        work=_work(message, keys),
        alone=message.alone,
    )


def columns_from(messages: Iterable[ingestions_pb2.Column]) -> tuple[Column, ...]:
    return tuple(Column(name=message.name, type=message.type) for message in messages)


def column_messages(columns: Iterable[Column]) -> list[ingestions_pb2.Column]:
    return [ingestions_pb2.Column(name=column.name, type=column.type) for column in columns]


def stage_request(lease: str, *, fence: int, attempt: str, result: StageResult) -> leases_pb2.StageLeaseRequest:
    """All that StageLease says, its texts cut so that it fits into one message."""
    text_bytes = TEXT_BYTES_MAX // max(1, len(result.exceptions))
    return leases_pb2.StageLeaseRequest(
        lease=lease,
        fence=fence,
        attempt=attempt,
        staged=staged_message(result.staged),
        records_written=result.records_written,
        exceptions=[outcome_message(outcome, text_bytes=text_bytes) for outcome in result.exceptions],
        warnings=[warning_message(unknown) for unknown in result.unknown_fields[:WARNINGS_MAX]],
        leases_in_main=result.leases_in_main,
        held_changes=held_messages(result.held_changes),
        rejects=rejects_message(result.rejects) if result.rejects else None,
    )


def staged_from(message: leases_pb2.StagedTable) -> StagedTable:
    return StagedTable(
        table=message.table,
        table_uuid=message.table_uuid,
        base_snapshot_id=message.base_snapshot_id,
        staged_snapshot_id=message.staged_snapshot_id,
        records_added=message.records_added,
    )


def staged_message(staged: StagedTable) -> leases_pb2.StagedTable:
    return leases_pb2.StagedTable(
        table=staged.table,
        table_uuid=staged.table_uuid,
        base_snapshot_id=staged.base_snapshot_id,
        staged_snapshot_id=staged.staged_snapshot_id,
        records_added=staged.records_added,
    )


def rejects_message(rejects: Rejects) -> leases_pb2.Rejects:
    return leases_pb2.Rejects(staged=staged_message(rejects.staged), records=rejects.records)


def outcome_message(outcome: FileOutcome, *, text_bytes: int) -> leases_pb2.FileOutcome:
    return leases_pb2.FileOutcome(
        index=outcome.index,
        outcome=leases_pb2.FileOutcome.Outcome.Value(f"OUTCOME_{outcome.outcome.value}"),
        error=error_message(outcome.failure, text_bytes=text_bytes),
        records_rejected=outcome.records_rejected,
    )


def error_message(failure: Failure, *, text_bytes: int = MESSAGE_BYTES_MAX + CAUSE_BYTES_MAX) -> errors_pb2.LoadError:
    """The failure, its texts cut to so many bytes, the cause before the message."""
    message = cut(failure.message, min(MESSAGE_BYTES_MAX, text_bytes))
    cause = cut(failure.cause, min(CAUSE_BYTES_MAX, text_bytes - len(message.encode())))
    error = errors_pb2.LoadError(
        category=errors_pb2.ErrorCategory.Value(f"ERROR_CATEGORY_{failure.category.value}"),
        message=message,
        cause=cause,
        retryable=failure.retryable,
    )
    error.time.GetCurrentTime()
    return error


def _work(message: leases_pb2.Lease, keys: KeyRing) -> LoadWork | PublishWork | PreviewWork:
    match message.WhichOneof("work"):
        case "load":
            return _load_work(message.load, keys)
        case "publish":
            publish = message.publish
            rejects = staged_from(publish.rejects) if publish.HasField("rejects") else None
            return PublishWork(rows=staged_from(publish.staged), rejects=rejects)
        case "preview":
            return PreviewWork(load=_load_work(message.preview.load, keys), row_count=message.preview.row_count)
        case None:
            raise _too_new("this kind of work", Category.UNKNOWN)


def _load_work(message: leases_pb2.LoadWork, keys: KeyRing) -> LoadWork:
    return LoadWork(
        source_uri=message.source.uri,
        s3=_s3_access(message.source, keys),
        format=_format(message.format),
        table=message.destination.table,
        table_properties=dict(message.destination.table_properties),
        columns=columns_from(message.columns),
        files=tuple(_file(file) for file in message.files),
        verified_snapshot_id=message.verified_snapshot_id,
        schema=terms_from(message),
        on_bad_record=word(
            ingestions_pb2.LoadPolicy.OnBadRecord.DESCRIPTOR, message.on_bad_record, default=OnBadRecord.FAIL_FILE
        ),
        metadata_columns=tuple(map(_metadata_column, message.destination.metadata_columns)),
    )


def _metadata_column(message: ingestions_pb2.MetadataColumn) -> MetadataColumn:
    kind = word(ingestions_pb2.MetadataColumn.Kind.DESCRIPTOR, message.kind, default=MetadataKind.SOURCE_FILE)
    return MetadataColumn(kind=kind, name=message.name)


def _format(message: ingestions_pb2.Format) -> Format:
    if (kind := message.WhichOneof("kind")) is None:
        raise _too_new("this format", Category.FORMAT_OPTIONS_INVALID)
    options = {field.name: value for field, value in getattr(message, kind).ListFields()}
    return Format(kind=kind, options=options, reader_options=dict(message.reader_options))


def _too_new(what: str, category: Category) -> AttemptFailed:
    message = f"The executor is older than the control plane and does not know {what}. Upgrade it."
    return AttemptFailed(Failure(category=category, message=message))


def _file(message: leases_pb2.LeasedFile) -> LeasedFile:
    return LeasedFile(
        uri=message.uri,
        size_bytes=message.size_bytes,
        etag=message.etag,
        modification_time_ns=message.modification_time_ns,
    )


def _s3_access(source: ingestions_pb2.Source, keys: KeyRing) -> S3Access:
    found = _keys(source.credentials, keys)
    options = source.s3
    own_server = bool(options.endpoint)
    return S3Access(
        endpoint=options.endpoint,
        region=options.region or DEFAULT_REGION,
        path_style=options.path_style if options.HasField("path_style") else own_server,
        access_key_id=found.access_key_id,
        secret_access_key=found.secret_access_key,
        session_token=found.session_token,
    )


def _keys(credentials: ingestions_pb2.Credentials, keys: KeyRing) -> Keys:
    match credentials.WhichOneof("kind"):
        case "static_keys":
            given = credentials.static_keys
            return Keys(
                access_key_id=given.access_key_id,
                secret_access_key=given.secret_access_key,
                session_token=given.session_token,
            )
        case "environment":
            variables = credentials.environment
            return keys.from_environment(
                access_key_id=variables.access_key_id_variable,
                secret_access_key=variables.secret_access_key_variable,
            )
        case "file":
            return keys.from_file(Path(credentials.file.path))
        case "default_chain" | None:
            return Keys()


def warning_message(unknown: UnknownField) -> runs_pb2.RunWarning:
    path = cut(unknown.path, MESSAGE_BYTES_MAX)
    return runs_pb2.RunWarning(
        kind=runs_pb2.RunWarning.KIND_UNKNOWN_FIELD,
        subject=path,
        record_count=unknown.record_count,
        message=f"The files have a field `{path}` that the schema lacks; it was left out.",
    )


def cut(text: str, bytes_max: int) -> str:
    encoded = text.encode(errors="replace")
    return encoded[: max(0, bytes_max)].decode(errors="ignore")
