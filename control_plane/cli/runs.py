"""`autoloader runs`: shows, follows and cancels runs."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, cast

import grpc
import typer
from autoloader.v1 import runs_pb2 as pb
from autoloader.v1.errors_pb2 import LoadError
from autoloader.v1.schema_changes_pb2 import SchemaChange

from control_plane.cli.client import CALL_SECONDS, DEFAULT_SERVER, Client, ServerOption, connect
from control_plane.cli.names import IngestionArgument, RunArgument, name_of, name_within
from control_plane.cli.pages import FilterOption, LimitOption, follow
from control_plane.cli.show import (
    Columns,
    Output,
    OutputOption,
    as_dict,
    enum_name,
    last_part,
    show_list,
    show_one,
    state_of,
    time_of,
)

CHANGES_SHOWN = 20

app = typer.Typer(help="Passes of an ingestion over its source.", no_args_is_help=True)

COLUMNS: Columns = {
    "INGESTION": lambda run: run.name.split("/")[1],
    "RUN": lambda run: last_part(run.name),
    "STATE": state_of,
    "TRIGGER": lambda run: enum_name(run, "trigger"),
    "CREATED": lambda run: time_of(run.create_time),
    "SECONDS": lambda run: f"{run.duration.ToTimedelta().total_seconds():.1f}",
    "DISCOVERED": lambda run: run.files_discovered,
    "PROCESSED": lambda run: run.files_processed,
    "FAILED": lambda run: run.files_failed,
    "RECORDS": lambda run: run.records_written,
}


class Resolution(StrEnum):
    """What a person found out about a publication in doubt."""

    TRY_AGAIN = "try-again"
    PUBLISHED = "published"
    NOT_PUBLISHED = "not-published"


@app.command("get")
def get_one(
    run: RunArgument,
    server: ServerOption = DEFAULT_SERVER,
    output: OutputOption = Output.TABLE,
) -> None:
    """Shows a run: its state, its figures and what went wrong."""
    request = pb.GetRunRequest(name=name_within(run, "runs"))
    with connect(server) as client:
        show_one(client.runs.GetRun(request, timeout=CALL_SECONDS), output)


@app.command("list")
def list_all(
    ingestion: IngestionArgument = "-",
    filter: FilterOption = "",
    limit: LimitOption = 20,
    server: ServerOption = DEFAULT_SERVER,
    output: OutputOption = Output.TABLE,
) -> None:
    """Lists the runs of an ingestion, or of all, newest first."""
    request = pb.ListRunsRequest(parent=name_of(ingestion), filter=filter)
    with connect(server) as client:
        show_list(follow(client.runs.ListRuns, request, field="runs", limit=limit), COLUMNS, output)


@app.command()
def watch(
    run: RunArgument,
    server: ServerOption = DEFAULT_SERVER,
    output: OutputOption = Output.TABLE,
) -> None:
    """Follows a run to its end; exits 1 unless every file loaded."""
    with connect(server) as client:
        follow_run(client, name_within(run, "runs"), output)


@app.command()
def cancel(
    run: RunArgument,
    server: ServerOption = DEFAULT_SERVER,
    output: OutputOption = Output.TABLE,
) -> None:
    """Cancels a run; what is staged is published first."""
    request = pb.CancelRunRequest(name=name_within(run, "runs"), request_id=str(uuid.uuid4()))
    with connect(server) as client:
        show_one(client.runs.CancelRun(request, timeout=CALL_SECONDS), output)


@app.command()
def resolve(
    run: RunArgument,
    lease: Annotated[str, typer.Argument(help="One of the run's leases_in_doubt.")],
    resolution: Annotated[Resolution, typer.Argument(help="What you found out.")],
    snapshot_id: Annotated[int, typer.Option(help="With published: the rows' snapshot.")] = 0,
    server: ServerOption = DEFAULT_SERVER,
    output: OutputOption = Output.TABLE,
) -> None:
    """Says whether the rows of a lease in doubt are in the table. A wrong word duplicates them."""
    request = pb.ResolvePublishRequest(
        name=name_within(run, "runs"),
        lease=lease,
        resolution=pb.ResolvePublishRequest.Resolution.Value(f"RESOLUTION_{resolution.name}"),
        snapshot_id=snapshot_id,
        request_id=str(uuid.uuid4()),
    )
    with connect(server) as client:
        show_one(client.runs.ResolvePublish(request, timeout=CALL_SECONDS), output)


def follow_run(client: Client, name: str, output: Output) -> None:
    """Shows a run whenever it changes, then as it rests; exits 1 unless every file loaded."""
    run = pb.Run()
    for run in _watch(client, name):
        typer.echo(json.dumps(as_dict(run)) if output is Output.JSON else progress_of(run))
    if output is Output.TABLE:
        for line in (*map(problem_of, run.errors), *map(warning_of, run.warnings), *changes_of(run)):
            typer.echo(line)
    if run.state != pb.Run.STATE_SUCCEEDED:
        raise typer.Exit(1)


def _watch(client: Client, name: str) -> Iterator[pb.Run]:
    """Watches again when the server ends a stream that is old, but not when it went away."""
    while True:
        try:
            yield from client.runs.WatchRun(pb.WatchRunRequest(name=name))
            return
        except grpc.RpcError as error:
            if cast(grpc.Call, error).code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
                raise


def progress_of(run: pb.Run) -> str:
    """A run's figures, in a line."""
    done = run.files_processed + run.files_failed + run.files_missing
    failed = f", {run.files_failed:,} failed" if run.files_failed else ""
    seconds = run.duration.ToTimedelta().total_seconds()
    return (
        f"{state_of(run)}: {done:,} of {done + run.files_remaining:,} files{failed}, "
        f"{run.records_written:,} records, {seconds:.1f} s"
    )


def problem_of(error: LoadError) -> str:
    """What went wrong, in a line."""
    files = f" ({error.file_count:,} files, first {error.file})" if error.file_count else ""
    return f"{enum_name(error, 'category')}: {error.message}{files}"


def warning_of(warning: pb.RunWarning) -> str:
    """What should be known, in a line."""
    return f"{enum_name(warning, 'kind')}: {warning.message}"


def changes_of(run: pb.Run) -> Iterator[str]:
    """What the run's files made of the columns, a line each; what waits is among the warnings."""
    made = [change for change in run.schema_changes if change.state == SchemaChange.STATE_APPLIED]
    for change in made[:CHANGES_SHOWN]:
        before = f", which was {change.old_type}" if change.old_type else ""
        yield f"Column {enum_name(change, 'kind').lower()}: `{change.path}` {change.new_type}{before}"
    if len(made) > CHANGES_SHOWN:
        yield f"  and {len(made) - CHANGES_SHOWN} more; autoloader schemas show tells all"
