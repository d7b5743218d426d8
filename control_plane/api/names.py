"""Resource names: how ingestions, runs and files are called outside."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from control_plane.errors import InvalidField, NotFound, Violation

ALL_INGESTIONS = "-"
CURRENT = "current"
_ID_MAX = 2**63 - 1
_VERSION_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Part:
    """A resource within an ingestion, by the ids of both."""

    ingestion: str
    id: int


def ingestion_name(ingestion: str) -> str:
    return f"ingestions/{ingestion}"


def run_name(ingestion: str, run_id: int) -> str:
    return f"ingestions/{ingestion}/runs/{run_id}"


def file_name(ingestion: str, file_id: int) -> str:
    return f"ingestions/{ingestion}/files/{file_id:016x}"


def schema_version_name(ingestion: str, version: int) -> str:
    return f"ingestions/{ingestion}/schemaVersions/{version}"


def schema_change_name(ingestion: str, change_id: int) -> str:
    return f"ingestions/{ingestion}/schemaChanges/{change_id}"


def parse_ingestion(name: str, *, field: str) -> str:
    """Gives the id in `ingestions/{ingestion}`; InvalidField names the field when it has another form."""
    (ingestion,) = _ids(name, field, "ingestions/{ingestion}")
    return ingestion


def parse_run(name: str, *, field: str) -> Part:
    """Gives the ids in `ingestions/{ingestion}/runs/{run}`; NotFound when the last part can be no run's."""
    return _numbered(name, field, "ingestions/{ingestion}/runs/{run}", maximum=_ID_MAX)


def parse_schema_change(name: str, *, field: str) -> Part:
    """Gives the ids in `ingestions/{ingestion}/schemaChanges/{change}`; raises as `parse_run` does."""
    return _numbered(name, field, "ingestions/{ingestion}/schemaChanges/{change}", maximum=_ID_MAX)


def parse_schema_version(name: str, *, field: str) -> tuple[str, int | None]:
    """Gives the ids in `ingestions/{ingestion}/schemaVersions/{version}`, None for `current`; raises as `parse_run`."""
    form = "ingestions/{ingestion}/schemaVersions/{version}"
    ingestion, text = _ids(name, field, form)
    return ingestion, None if text == CURRENT else _numbered(name, field, form, maximum=_VERSION_MAX).id


def parse_file(name: str, *, field: str) -> Part:
    """Gives the ids in `ingestions/{ingestion}/files/{file}`; NotFound when the last part can be no file's."""
    ingestion, text = _ids(name, field, "ingestions/{ingestion}/files/{file}")
    if not re.fullmatch(r"[0-9a-f]{16}", text) or int(text, 16) > _ID_MAX:
        raise not_found(name)
    return Part(ingestion, int(text, 16))


def parse_uuid(text: str, *, field: str) -> str:
    """Gives a random id in its one spelling; InvalidField names the field when it is none."""
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise InvalidField(Violation(field, f'"{text}" is no id of this server')) from error


def not_found(name: str) -> NotFound:
    return NotFound(f"{name} does not exist", resource=name)


def _numbered(name: str, field: str, form: str, *, maximum: int) -> Part:
    ingestion, text = _ids(name, field, form)
    if not re.fullmatch(r"[1-9][0-9]{0,18}", text) or int(text) > maximum:
        raise not_found(name)
    return Part(ingestion, int(text))


def _ids(name: str, field: str, form: str) -> list[str]:
    parts, forms = name.split("/"), form.split("/")
    is_named_so = len(parts) == len(forms) and all(
        part == expected or (expected.startswith("{") and part) for part, expected in zip(parts, forms, strict=True)
    )
    if not is_named_so or "\0" in name:
        raise InvalidField(Violation(field, f'"{name}" is no name of the form {form}'))
    return [part for part, expected in zip(parts, forms, strict=True) if expected.startswith("{")]
