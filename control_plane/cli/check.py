"""Shows what a connection test found."""

from __future__ import annotations

from collections.abc import Iterator

import typer
from autoloader.v1 import ingestions_pb2 as pb

from control_plane.cli.show import Output, enum_name, show_one


def show_check(told: pb.CheckIngestionResponse, output: Output) -> None:
    """What was found, in a few lines; or the whole answer as JSON."""
    if output is Output.JSON:
        show_one(told, output)
        return
    for line in _lines(told):
        typer.echo(line)


def _lines(told: pb.CheckIngestionResponse) -> Iterator[str]:
    if told.HasField("error"):
        yield f"A run would fail. {enum_name(told.error, 'category')}: {told.error.message}"
        if told.error.cause:
            yield f"  cause: {told.error.cause}"
    least = "" if told.is_complete else "at least "
    yield f"{least}{told.file_count} files to load, {told.size_bytes} bytes, of {told.objects_listed} objects looked at"
    yield from (f"  {uri}" for uri in told.sample_uris)
    if told.file_count > len(told.sample_uris):
        yield "  …"
    if told.unsupported_count:
        yield f"{least}{told.unsupported_count} files match, and cannot be read under their names:"
        yield from (f"  {each.uri}: {each.reason}" for each in told.unsupported)
