"""Resource names: how ingestions, runs and files are called outside."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from control_plane.errors import InvalidField, NotFound, Violation

ALL_INGESTIONS = "-"
_ID_MAX = 2**63 - 1


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


def parse_ingestion(name: str, *, field: str) -> str:
    """Gives the id in `ingestions/{ingestion}`; InvalidField names the field when it has another form."""
    (ingestion,) = _ids(name, field, "ingestions/{ingestion}")
    return ingestion


def parse_run(name: str, *, field: str) -> Part:
    """Gives the ids in `ingestions/{ingestion}/runs/{run}`; NotFound when the last part can be no run's."""
    ingestion, text = _ids(name, field, "ingestions/{ingestion}/runs/{run}")
    if not re.fullmatch(r"[1-9][0-9]{0,18}", text) or int(text) > _ID_MAX:
        raise not_found(name)
    return Part(ingestion, int(text))


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


def _ids(name: str, field: str, form: str) -> list[str]:
    parts, forms = name.split("/"), form.split("/")
    is_named_so = len(parts) == len(forms) and all(
        part == expected or (expected.startswith("{") and part) for part, expected in zip(parts, forms, strict=True)
    )
    if not is_named_so or "\0" in name:
        raise InvalidField(Violation(field, f'"{name}" is no name of the form {form}'))
    return [part for part, expected in zip(parts, forms, strict=True) if expected.startswith("{")]
