"""Shows a preview: columns, a few rows, records that cannot be read, and what would change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import typer
from autoloader.v1 import ingestions_pb2 as pb
from autoloader.v1.previews_pb2 import PreviewedFile
from autoloader.v1.schema_changes_pb2 import SchemaChange

from control_plane.cli.runs import problem_of, warning_of
from control_plane.cli.show import Output, enum_name, show_one


def show_preview(preview: pb.Preview, output: Output) -> None:
    """What was seen, in some lines; or all of it as JSON."""
    if output is Output.JSON:
        show_one(preview, output)
        return
    for line in lines_of(preview):
        typer.echo(line)


def lines_of(preview: pb.Preview) -> Iterator[str]:
    if preview.HasField("error"):
        yield f"A run would load nothing. {problem_of(preview.error)}"
    if not preview.files:
        yield "No file to load was found."
        return
    yield from _titled("Files:", (_file(file) for file in preview.files))
    width = max((len(column.name) for column in preview.columns), default=0)
    yield from _titled("Columns:", (f"{column.name:{width}}  {column.type}" for column in preview.columns))
    yield from _titled("Rows:", (row.json for row in preview.rows))
    yield from _titled("Cannot be read:", _rejected(preview))
    yield from _titled("Loading them would change the table:", _changes(preview, SchemaChange.STATE_APPLIED))
    yield from _titled("Waits until somebody accepts or rejects it:", _changes(preview, SchemaChange.STATE_HELD))
    yield from _titled("Warnings:", map(warning_of, preview.warnings))
    if preview.is_truncated:
        yield "More was left out, to keep the answer short."


def _titled(title: str, lines: Iterable[str]) -> Iterator[str]:
    """The lines below their title; nothing when there is none."""
    for position, line in enumerate(lines):
        if not position:
            yield title
        yield f"  {line}"


def _file(file: PreviewedFile) -> str:
    if file.HasField("error"):
        return f"{file.uri}\n    {problem_of(file.error)}"
    records = f"{file.records_read:,} record{'' if file.records_read == 1 else 's'}"
    looked_at = records if file.is_whole else f"the first {records}"
    bad = f", {file.records_rejected:,} of them cannot be read" if file.records_rejected else ""
    return f"{file.uri}: {looked_at}{bad}"


def _rejected(preview: pb.Preview) -> Iterator[str]:
    for one in preview.rejected:
        where = f", record {one.record:,}" if one.record else ""
        yield f"{preview.files[one.file].uri}{where}: {one.reason}\n    {one.content}"


def _changes(preview: pb.Preview, state: SchemaChange.State.ValueType) -> Iterator[str]:
    for change in preview.changes:
        if change.state == state:
            before = f", which is {change.old_type}" if change.old_type else ""
            yield f"{enum_name(change, 'kind').lower()}: `{change.path}` {change.new_type}{before}"
