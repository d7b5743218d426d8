"""Translates what the wire says of columns that change into the executor's words, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import TypeVar

from autoloader.v1 import ingestions_pb2, leases_pb2, schema_changes_pb2
from google.protobuf.descriptor import EnumDescriptor

from executor.errors import attempt_failed
from executor.lease import Category, OnBadRecord
from executor.metadata_columns import MetadataKind
from executor.schema.words import Change, Column, OnSchemaChange, SchemaCheck, SchemaTerms

HELD_CHANGES_MAX = 1_000
HELD_FILES_MAX = 100_000
# What the texts of thousands of files that fail together leave of a message.
HELD_BYTES_MAX = 400_000
SHOWN_MAX = 10_000

Word = TypeVar("Word", OnSchemaChange, SchemaCheck, OnBadRecord, MetadataKind)


def terms_from(message: leases_pb2.LoadWork) -> SchemaTerms:
    """The terms of a lease; a control plane without any means the defaults. Raises AttemptFailed on unknown ones."""
    policy = ingestions_pb2.SchemaPolicy
    default = SchemaTerms()
    return SchemaTerms(
        version=message.schema_version,
        on_schema_change=word(
            policy.OnSchemaChange.DESCRIPTOR, message.on_schema_change, default=default.on_schema_change
        ),
        check=word(policy.SchemaCheck.DESCRIPTOR, message.schema_check, default=default.check),
        hints=tuple(Column(name=hint.name, type=hint.type) for hint in message.hints),
        fixed_columns=tuple(message.fixed_columns),
        ignored_fields=tuple(message.ignored_fields),
    )


def held_messages(held: Mapping[Change, Sequence[int]]) -> list[leases_pb2.WantedChange]:
    """Changes that wait for a person, as many as StageLease takes; those left out are asked for by files retried."""
    files_left, bytes_left = HELD_FILES_MAX, HELD_BYTES_MAX
    messages: list[leases_pb2.WantedChange] = []
    for change, files in islice(held.items(), HELD_CHANGES_MAX):
        message = leases_pb2.WantedChange(change=change_message(change), files=files[:files_left])
        files_left, bytes_left = files_left - len(message.files), bytes_left - message.ByteSize()
        if bytes_left < 0 or not message.files:
            break
        messages.append(message)
    return messages


def shown_messages(shown_by: Mapping[Change, int]) -> list[leases_pb2.WantedChange]:
    """Which file shows a change first, for ProposeSchema; what changes, the ledger knows by itself."""
    return [
        leases_pb2.WantedChange(change=schema_changes_pb2.SchemaChange(path=change.path), files=[index])
        for change, index in islice(shown_by.items(), SHOWN_MAX)
    ]


def change_message(change: Change) -> schema_changes_pb2.SchemaChange:
    return schema_changes_pb2.SchemaChange(
        kind=schema_changes_pb2.SchemaChange.Kind.Value(f"KIND_{change.kind.value}"),
        path=change.path,
        old_type=change.old_type,
        new_type=change.new_type,
    )


def word(descriptor: EnumDescriptor, number: int, *, default: Word) -> Word:
    """The word for an enum's number, whose names are the words after a prefix."""
    if not number:
        return default
    prefix = descriptor.values_by_number[0].name.removesuffix("UNSPECIFIED")
    name = descriptor.values_by_number[number].name if number in descriptor.values_by_number else ""
    words: Iterable[Word] = type(default)
    for word in words:
        if name == prefix + word.value:
            return word
    raise attempt_failed(
        Category.UNKNOWN,
        f"The executor is older than the control plane and does not know this {descriptor.name}. Upgrade it.",
        retryable=False,
    )
