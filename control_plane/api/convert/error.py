"""Why a file or a run did not load."""

from __future__ import annotations

from autoloader.v1 import errors_pb2

from control_plane.api.convert.enums import enum_name
from control_plane.api.convert.times import timestamp
from control_plane.api.names import file_name
from control_plane.domain.file import LoadError
from control_plane.errors import InvalidField, Violation

MESSAGE_CHARACTERS_MAX = 2_000
CAUSE_CHARACTERS_MAX = 2_000


def load_error_to_proto(error: LoadError, *, ingestion: str) -> errors_pb2.LoadError:
    return errors_pb2.LoadError(
        category=errors_pb2.ErrorCategory.Value("ERROR_CATEGORY_" + error.category),
        message=error.message,
        cause=error.cause,
        retryable=error.retryable,
        file="" if error.file_id is None else file_name(ingestion, error.file_id),
        file_count=error.file_count,
        time=timestamp(error.time),
    )


def load_error_from_proto(error: errors_pb2.LoadError, *, field: str) -> LoadError:
    """Reads what an executor found. Texts are cut; the ledger knows file and time by itself."""
    category = enum_name(errors_pb2.ErrorCategory.DESCRIPTOR, "ERROR_CATEGORY_", error.category)
    if category is None:
        raise InvalidField(Violation(f"{field}.category", f"{error.category} is no category"))
    return LoadError(
        category=category,
        message=storable(error.message, MESSAGE_CHARACTERS_MAX),
        cause=storable(error.cause, CAUSE_CHARACTERS_MAX),
        retryable=error.retryable,
    )


def storable(text: str, characters_max: int) -> str:
    """Cuts a text of an executor's. PostgreSQL keeps no NUL, which the raw text of a broken file may well hold."""
    return text[:characters_max].replace("\0", "\ufffd")
