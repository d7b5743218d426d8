"""`autoloader schemas`: the columns of an ingestion, how they changed, and what waits for a decision."""

from __future__ import annotations

import uuid
from typing import Annotated

import typer
from autoloader.v1 import schemas_pb2 as pb

from control_plane.cli.client import CALL_SECONDS, DEFAULT_SERVER, ServerOption, connect
from control_plane.cli.names import IngestionArgument, name_of, name_within
from control_plane.cli.pages import FilterOption, LimitOption, follow
from control_plane.cli.show import (
    Columns,
    Output,
    OutputOption,
    enum_name,
    last_part,
    show_list,
    show_one,
    state_of,
    time_of,
)

app = typer.Typer(help="Columns of an ingestion, and changes of them that wait for you.", no_args_is_help=True)

ChangeArgument = Annotated[
    str, typer.Argument(metavar="CHANGE", help="ingestions/ID/schemaChanges/CHANGE, or ID/CHANGE.")
]
CheckOption = Annotated[bool, typer.Option("--validate-only", help="Check, and change nothing.")]
VERSION_COLUMNS: Columns = {
    "VERSION": lambda version: last_part(version.name),
    "STATE": state_of,
    "ORIGIN": lambda version: enum_name(version, "origin"),
    "COLUMNS": lambda version: len(version.columns),
    "CHANGES": lambda version: version.change_count,
    "HELD": lambda version: len(version.held_changes),
    "RUN": lambda version: last_part(version.run),
    "CREATED": lambda version: time_of(version.create_time),
}
CHANGE_COLUMNS: Columns = {
    "CHANGE": lambda change: last_part(change.name),
    "STATE": state_of,
    "KIND": lambda change: enum_name(change, "kind"),
    "PATH": lambda change: change.path,
    "FROM": lambda change: change.old_type,
    "TO": lambda change: change.new_type,
    "FILES": lambda change: change.file_count,
    "FIRST FILE": lambda change: last_part(change.file),
}


@app.command("list")
def list_versions(
    ingestion: IngestionArgument,
    limit: LimitOption = 100,
    server: ServerOption = DEFAULT_SERVER,
    output: OutputOption = Output.TABLE,
) -> None:
    """Lists the versions of an ingestion's columns, newest first."""
    request = pb.ListSchemaVersionsRequest(parent=name_of(ingestion))
    with connect(server) as client:
        found = follow(client.schemas.ListSchemaVersions, request, field="schema_versions", limit=limit)
        show_list(found, VERSION_COLUMNS, output)


@app.command()
def show(
    ingestion: IngestionArgument,
    version: Annotated[str, typer.Argument(help="Number of the version.")] = "current",
    server: ServerOption = DEFAULT_SERVER,
    output: OutputOption = Output.TABLE,
) -> None:
    """Shows a version: its columns, what it changed, and what waits for a decision."""
    request = pb.GetSchemaVersionRequest(name=f"{name_of(ingestion)}/schemaVersions/{version}")
    with connect(server) as client:
        show_one(client.schemas.GetSchemaVersion(request, timeout=CALL_SECONDS), output)


@app.command("changes")
def list_changes(
    ingestion: IngestionArgument,
    filter: FilterOption = "",
    limit: LimitOption = 100,
    server: ServerOption = DEFAULT_SERVER,
    output: OutputOption = Output.TABLE,
) -> None:
    """Lists the changes that wait for a decision, or got one. Example: --filter 'state = HELD'"""
    request = pb.ListSchemaChangesRequest(parent=name_of(ingestion), filter=filter)
    with connect(server) as client:
        found = follow(client.schemas.ListSchemaChanges, request, field="schema_changes", limit=limit)
        show_list(found, CHANGE_COLUMNS, output)


@app.command()
def accept(
    change: ChangeArgument,
    validate_only: CheckOption = False,
    server: ServerOption = DEFAULT_SERVER,
    output: OutputOption = Output.TABLE,
) -> None:
    """Makes a change that is held; the files that wait for it are loaded by the next run."""
    _resolve(change, pb.ResolveSchemaChangeRequest.RESOLUTION_ACCEPT, validate_only, server, output)


@app.command()
def reject(
    change: ChangeArgument,
    validate_only: CheckOption = False,
    server: ServerOption = DEFAULT_SERVER,
    output: OutputOption = Output.TABLE,
) -> None:
    """Turns a change down that is held; the next run loads the files that wait for it, without what it would add."""
    _resolve(change, pb.ResolveSchemaChangeRequest.RESOLUTION_REJECT, validate_only, server, output)


def _resolve(
    change: str,
    resolution: pb.ResolveSchemaChangeRequest.Resolution.ValueType,
    validate_only: bool,
    server: str,
    output: Output,
) -> None:
    request = pb.ResolveSchemaChangeRequest(
        name=name_within(change, "schemaChanges"),
        resolution=resolution,
        request_id=str(uuid.uuid4()),
        validate_only=validate_only,
    )
    with connect(server) as client:
        show_one(client.schemas.ResolveSchemaChange(request, timeout=CALL_SECONDS), output)
