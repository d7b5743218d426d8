"""What can be said about columns that no file has: each is one of its kind, with a name that is its own."""

from __future__ import annotations

import re
from collections.abc import Iterator

from control_plane.domain.format import Format, FormatKind
from control_plane.domain.ingestion import Ingestion
from control_plane.errors import Violation

_FIELD = "destination.metadata_columns"
_RESERVED = re.compile(
    r"__autoloader.*|_file|_pos|_deleted|_spec_id|_partition|_commit_snapshot_id|_row_id|_last_updated_sequence_number"
    r"|_change_type|_change_ordinal",
    re.IGNORECASE,
)


def check_metadata_columns(ingestion: Ingestion) -> Iterator[Violation]:
    """Yields what is wrong with the metadata columns of an ingestion, beside its other columns."""
    taken = {column.name.lower() for column in (*ingestion.columns, *ingestion.schema.hints)}
    kinds = set()
    for position, column in enumerate(ingestion.destination.metadata_columns):
        if column.kind in kinds:
            yield Violation(f"{_FIELD}[{position}].kind", f"{column.kind} is there twice; keep one of both")
        if problem := _problem(column.name, ingestion.format):
            yield Violation(f"{_FIELD}[{position}].name", f"{column.name[:300]!r} {problem}")
        elif column.name.lower() in taken:
            problem = "is the name of another column too, whatever the case; choose another one"
            yield Violation(f"{_FIELD}[{position}].name", f'"{column.name}" {problem}')
        kinds.add(column.kind)
        taken.add(column.name.lower())


def _problem(name: str, format: Format) -> str:
    """What is wrong with a name by itself; nothing when it can be used."""
    if not re.fullmatch(r"\w{1,255}", name, re.ASCII):
        return "is no name of a metadata column; use 1 to 255 letters, digits and `_`"
    if _RESERVED.fullmatch(name):
        return "is reserved by Iceberg or Autoloader; choose another one"
    if _is_of_every_file(name.lower(), format):
        return "is how columns of such files are called; choose another one"
    return ""


def _is_of_every_file(name: str, format: Format) -> bool:
    """Whether the name is one that files do not choose: without it, other columns would be taken for theirs."""
    if format.kind is FormatKind.TEXT:
        return name == "value"
    has_header = format.kind is not FormatKind.CSV or format.options.get("header", True)
    return not has_header and re.fullmatch(r"_c\d+", name) is not None
