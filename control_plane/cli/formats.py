"""The format of files as options of a command say it: a kind, and KEY=VALUE for its options."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer
from autoloader.v1 import ingestions_pb2 as pb
from google.protobuf.descriptor import FieldDescriptor


class FormatKind(StrEnum):
    """Kinds of files."""

    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"
    AVRO = "avro"
    ORC = "orc"
    XML = "xml"
    TEXT = "text"


FormatOption = Annotated[FormatKind | None, typer.Option("--format", help="What the files are. Default: json, lines.")]
FormatOptionsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--format-option",
        metavar="KEY=VALUE",
        help="Option of the format, again for each: delimiter=; for csv, row_tag=order for xml.",
    ),
]


def format_of(kind: FormatKind | None, options: Sequence[str]) -> pb.Format:
    """The format as the API has it, JSON lines unless said otherwise. Raises typer.BadParameter."""
    chosen = kind or FormatKind.JSON
    message = pb.Format()
    of_kind = getattr(message, chosen.value)
    of_kind.SetInParent()
    fields = of_kind.DESCRIPTOR.fields_by_name
    for option in options:
        name, is_given, value = option.partition("=")
        if not is_given:
            raise typer.BadParameter(f"--format-option {option}: write KEY=VALUE")
        if name in fields:
            setattr(of_kind, name, _typed(fields[name], value))
        else:
            # The server says which of Spark's own it takes.
            message.reader_options[name] = value
    return message


def _typed(field: FieldDescriptor, value: str) -> str | bool:
    if field.type != FieldDescriptor.TYPE_BOOL:
        return value
    if value not in ("true", "false"):
        raise typer.BadParameter(f"--format-option {field.name}={value}: is true or false")
    return value == "true"
