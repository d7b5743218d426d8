"""Translates what was seen for a preview into the wire's message, and keeps it short enough for one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from autoloader.v1 import ingestions_pb2, previews_pb2, schema_changes_pb2

from executor.convert import MESSAGE_BYTES_MAX, WARNINGS_MAX, column_messages, cut, error_message, warning_message
from executor.previewed import Preview, PreviewedFile, Rejected
from executor.schema.words import Change
from executor.terms import change_message

PREVIEW_BYTES_MAX = 3 << 20
CHANGES_MAX = 1_000
# Of what columns and changes may take together; the rest is for rows.
COLUMNS_BYTES_MAX = 1 << 20
_State = schema_changes_pb2.SchemaChange.State


def preview_message(preview: Preview) -> ingestions_pb2.Preview:
    """All that was seen, or as much of it as fits, and that it was cut."""
    message = ingestions_pb2.Preview(
        files=[_file(file) for file in preview.files],
        table_exists=preview.table_exists,
        warnings=[warning_message(unknown) for unknown in preview.unknown[:WARNINGS_MAX]],
        error=error_message(preview.failure) if preview.failure else None,
    )
    changes = [
        *_changes(preview.changes, _State.STATE_APPLIED),
        *_changes(preview.held, _State.STATE_HELD),
    ]
    rejected = [_rejected(one) for one in preview.rejected]
    rows = [previews_pb2.PreviewedRow(file=row.index, json=row.json) for row in preview.rows]
    whole = [
        _fill(message.columns, column_messages(preview.columns), COLUMNS_BYTES_MAX),
        _fill(message.changes, changes[:CHANGES_MAX], COLUMNS_BYTES_MAX),
        len(changes) <= CHANGES_MAX and len(preview.unknown) <= WARNINGS_MAX,
        # At least half of what is left is for rows.
        _fill(message.rejected, rejected, (PREVIEW_BYTES_MAX - message.ByteSize()) // 2),
        _fill(message.rows, rows, PREVIEW_BYTES_MAX - message.ByteSize()),
    ]
    message.is_truncated = not all(whole)
    return message


def _fill(field: Any, messages: Sequence[Any], bytes_max: int) -> bool:
    """Adds the first of the messages, as many as there is room for; whether these are all."""
    left = bytes_max
    for message in messages:
        left -= message.ByteSize() + 6  # the tag and the length before it
        if left < 0:
            return False
        field.append(message)
    return True


def _file(file: PreviewedFile) -> previews_pb2.PreviewedFile:
    return previews_pb2.PreviewedFile(
        uri=file.file.uri,
        size_bytes=file.file.size_bytes,
        records_read=file.records_read,
        records_rejected=file.records_rejected,
        is_whole=file.is_whole,
        error=error_message(file.failure) if file.failure else None,
    )


def _rejected(one: Rejected) -> previews_pb2.RejectedRecord:
    return previews_pb2.RejectedRecord(
        file=one.index, record=one.record, content=one.content, reason=cut(one.reason, MESSAGE_BYTES_MAX)
    )


def _changes(changes: Iterable[Change], state: _State.ValueType) -> Iterable[schema_changes_pb2.SchemaChange]:
    for change in changes:
        message = change_message(change)
        message.state = state
        yield message
