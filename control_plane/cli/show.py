"""Shows resources on the screen: as a table for people, or as one JSON document."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.table import Table


class Output(StrEnum):
    """How results are shown."""

    TABLE = "table"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="How results are shown.")]

Columns = Mapping[str, Callable[[Any], object]]


def show_list(messages: Iterable[Message], columns: Columns, output: Output) -> None:
    """Shows resources: a row each, or one JSON array."""
    if output is Output.JSON:
        typer.echo(json.dumps([as_dict(message) for message in messages], indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in columns:
        table.add_column(title, overflow="fold")
    for message in messages:
        table.add_row(*(str(value(message)) for value in columns.values()))
    console().print(table)


def show_one(message: Message, output: Output) -> None:
    """Shows a resource: a line a field, or one JSON object."""
    if output is Output.JSON:
        typer.echo(json.dumps(as_dict(message), indent=2))
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for path, value in _lines("", as_dict(message)):
        table.add_row(path, value)
    console().print(table)


def as_dict(message: Message) -> dict[str, Any]:
    """The fields by their names in the protos and in their order, with those that are empty."""
    values = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    return {field.name: values[field.name] for field in message.DESCRIPTOR.fields if field.name in values}


def state_of(message: Any) -> str:
    """A state without its prefix: RUNNING."""
    return enum_name(message, "state")


def enum_name(message: Any, field: str) -> str:
    """The value of an enum field without the enum's prefix."""
    descriptor: Any = message.DESCRIPTOR.fields_by_name[field]
    value: str = descriptor.enum_type.values_by_number[getattr(message, field)].name
    return value.removeprefix(f"{field.upper()}_").removeprefix("ERROR_CATEGORY_")


def time_of(timestamp: Timestamp) -> str:
    """A time to the second, in UTC; empty when it is unset."""
    if not timestamp.seconds:
        return ""
    return f"{timestamp.ToDatetime():%Y-%m-%d %H:%M:%S}Z"


def last_part(name: str) -> str:
    """The id at the end of a resource name."""
    return name.rpartition("/")[2]


def _lines(path: str, value: object) -> Iterable[tuple[str, str]]:
    """Fields by their paths, without the empty ones."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _lines(f"{path}.{key}" if path else key, inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _lines(f"{path}[{index}]", inner)
    elif value not in ("", None):
        yield path, str(value)


def console() -> Console:
    """Names and keys are shown as they are: they may look like rich's markup."""
    return Console(markup=False, highlight=False, emoji=False, soft_wrap=False)
