"""`autoloader load`: the main job in one command, on this machine alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from autoloader.v1 import runs_pb2 as pb
from rich.console import Console

from control_plane.cli.client import failure, open_channel
from control_plane.cli.data_folder import DEFAULT_DATA, DataOption
from control_plane.cli.formats import FormatOption, FormatOptionsOption
from control_plane.cli.metadata_columns import MetadataColumnOption
from control_plane.cli.one_pass import load as load_once
from control_plane.cli.progress import RunProgress
from control_plane.cli.report import report
from control_plane.cli.wanted import OnBadRecordOption, Wanted
from control_plane.embedded.warehouse import CATALOG

if TYPE_CHECKING:
    from control_plane.embedded.machine import Machine

GLOB_CHARACTERS = re.compile(r"([*?\[\]{}\\])")


def load(
    source: Annotated[str, typer.Argument(help="A folder, a file, or s3://bucket/prefix.")],
    table: Annotated[str, typer.Option(help="Table to load into: NAMESPACE.TABLE.")],
    format: FormatOption = None,
    format_option: FormatOptionsOption = None,
    on_bad_record: OnBadRecordOption = None,
    metadata_column: MetadataColumnOption = None,
    pattern: Annotated[str, typer.Option(help="Files to load, by path below SOURCE: *, **, ?, [..], {a,b}.")] = "",
    data: DataOption = DEFAULT_DATA,
    endpoint_url: Annotated[str, typer.Option(help="S3 server other than AWS.")] = "",
    region: Annotated[str, typer.Option(help="Region of the S3 server.")] = "",
) -> None:
    """Loads the files of SOURCE that are not in the table yet. Run it again: only new ones load.

    Keys for S3 come from the environment, a profile or the machine's role, as for other AWS tools.
    """
    # Takes a second, which those who only talk to a server should not wait for.
    from control_plane.cli.on_machine import on_machine

    folder, glob = split_source(source, pattern)
    wanted = Wanted(
        source=folder,
        table=table.removeprefix(f"{CATALOG}."),
        pattern=glob,
        endpoint_url=endpoint_url,
        region=region,
        format=format,
        format_options=tuple(format_option or ()),
        on_bad_record=on_bad_record,
        metadata_columns=tuple(metadata_column or ()),
    )
    runs = on_machine(data, lambda machine: _load_and_tell(machine, wanted))
    if any(run.state != pb.Run.STATE_SUCCEEDED for run in runs):
        raise typer.Exit(1)


async def _load_and_tell(machine: Machine, wanted: Wanted) -> list[pb.Run]:
    """Loads with live progress, then says what came of it and how to read the table."""
    with RunProgress(Console(stderr=True)) as progress:
        async with open_channel(machine.address) as channel:
            runs = await load_once(channel, wanted, show=progress.show)
            reading = machine.warehouse.reading_lines(wanted.table)
            lines = await report(channel, runs, reading=reading)
    for line in lines:
        typer.echo(line)
    return runs


def split_source(source: str, pattern: str) -> tuple[str, str]:
    """The folder and the glob that SOURCE names: a file is its folder, and a glob of its name."""
    if "://" in source and not source.startswith("file://"):
        return source, pattern
    path = Path(source.removeprefix("file://")).expanduser()
    if not path.exists():
        raise failure(f"{path} is not there; name a folder, a file, or s3://bucket/prefix")
    path = path.resolve()
    if path.is_dir():
        return f"file://{path}", pattern
    if pattern:
        raise failure(f"{path} is a file; leave --pattern out, or name its folder")
    return f"file://{path.parent}", GLOB_CHARACTERS.sub(r"[\1]", path.name)
