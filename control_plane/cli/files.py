"""`autoloader files`: what was seen at a source, and what became of it."""

from __future__ import annotations

import uuid
from typing import Annotated

import typer
from autoloader.v1 import files_pb2 as pb

from control_plane.cli.client import CALL_SECONDS, DEFAULT_SERVER, ServerOption, connect
from control_plane.cli.names import FileArgument, IngestionArgument, name_of, name_within
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
)

app = typer.Typer(help="What was seen at a source, and what became of it.", no_args_is_help=True)

COLUMNS: Columns = {
    "FILE": lambda file: last_part(file.name),
    "STATE": state_of,
    "URI": lambda file: file.uri,
    "BYTES": lambda file: file.size_bytes,
    "RECORDS": lambda file: file.records_written,
    "WHY": lambda file: file.error.message,
}
SUMMARY_COLUMNS: Columns = {
    "STATE": state_of,
    "FILES": lambda summary: summary.file_count,
    "BYTES": lambda summary: summary.size_bytes,
    "RECORDS": lambda summary: summary.records_written,
    "REJECTED": lambda summary: summary.records_rejected,
}


@app.command("get")
def get_one(
    file: FileArgument,
    server: ServerOption = DEFAULT_SERVER,
    output: OutputOption = Output.TABLE,
) -> None:
    """Shows a file: its state, what it yielded, or why it did not load."""
    request = pb.GetFileRequest(name=name_within(file, "files"))
    with connect(server) as client:
        show_one(client.files.GetFile(request, timeout=CALL_SECONDS), output)


@app.command("list")
def list_all(
    ingestion: IngestionArgument,
    filter: FilterOption = "",
    limit: LimitOption = 100,
    server: ServerOption = DEFAULT_SERVER,
    output: OutputOption = Output.TABLE,
) -> None:
    """Lists the files of an ingestion, oldest first. Example: --filter 'state = FAILED'"""
    request = pb.ListFilesRequest(parent=name_of(ingestion), filter=filter)
    with connect(server) as client:
        found = follow(client.files.ListFiles, request, field="files", limit=limit)
        show_list(found, COLUMNS, output)


@app.command()
def summarize(
    ingestion: IngestionArgument,
    server: ServerOption = DEFAULT_SERVER,
    output: OutputOption = Output.TABLE,
) -> None:
    """Counts the files of an ingestion, and their bytes and records, by state."""
    request = pb.SummarizeFilesRequest(parent=name_of(ingestion))
    with connect(server) as client:
        response = client.files.SummarizeFiles(request, timeout=CALL_SECONDS)
        show_list(response.summaries, SUMMARY_COLUMNS, output)


@app.command()
def retry(
    ingestion: IngestionArgument,
    files: Annotated[list[str] | None, typer.Argument(help="Files; none: all that failed.")] = None,
    filter: FilterOption = "",
    skipped: Annotated[bool, typer.Option("--skipped", help="Also those that `files skip` had ruled out.")] = False,
    validate_only: Annotated[bool, typer.Option("--validate-only", help="Count them, and change nothing.")] = False,
    server: ServerOption = DEFAULT_SERVER,
    output: OutputOption = Output.TABLE,
) -> None:
    """Sets failed and missing files back to waiting; the next run takes them."""
    parent = name_of(ingestion)
    request = pb.RetryFilesRequest(
        parent=parent,
        names=[f"{parent}/files/{last_part(file)}" for file in files or ()],
        filter=filter,
        include_skipped=skipped,
        request_id=str(uuid.uuid4()),
        validate_only=validate_only,
    )
    with connect(server) as client:
        show_one(client.files.RetryFiles(request, timeout=CALL_SECONDS), output)


@app.command()
def skip(
    ingestion: IngestionArgument,
    files: Annotated[list[str] | None, typer.Argument(help="Files, by the ids that `files list` shows.")] = None,
    filter: FilterOption = "",
    reason: Annotated[str, typer.Option(help="Why, for those who look later; at most 200 characters.")] = "",
    validate_only: Annotated[bool, typer.Option("--validate-only", help="Count them, and change nothing.")] = False,
    server: ServerOption = DEFAULT_SERVER,
    output: OutputOption = Output.TABLE,
) -> None:
    """Rules out files that wait, failed or are missing: no run takes them up again.

    A newer version of one is a file of its own, and is loaded. `files retry` takes back what is named, or all with
    --skipped. Example: autoloader files skip orders --filter 'category = DATA_MALFORMED' --reason 'Cut off.'
    """
    parent = name_of(ingestion)
    request = pb.SkipFilesRequest(
        parent=parent,
        names=[f"{parent}/files/{last_part(file)}" for file in files or ()],
        filter=filter,
        reason=reason,
        request_id=str(uuid.uuid4()),
        validate_only=validate_only,
    )
    with connect(server) as client:
        show_one(client.files.SkipFiles(request, timeout=CALL_SECONDS), output)


@app.command()
def explain(
    ingestion: IngestionArgument,
    object: Annotated[str, typer.Argument(metavar="OBJECT", help="s3://bucket/key, file:///path, or a file's id.")],
    server: ServerOption = DEFAULT_SERVER,
    output: OutputOption = Output.TABLE,
) -> None:
    """Tells why an object is loaded, waits, failed, was skipped, or is not known at all.

    Asks the control plane, not the store. Example: autoloader files explain orders s3://landing/orders/7.json
    """
    parent = name_of(ingestion)
    request = pb.ExplainFileRequest(parent=parent)
    if "://" in object or object.startswith("file:"):
        request.uri = object
    else:
        request.file = f"{parent}/files/{last_part(object)}"
    with connect(server) as client:
        told = client.files.ExplainFile(request, timeout=CALL_SECONDS)
    if output is Output.JSON:
        show_one(told, output)
        return
    typer.echo(f"{enum_name(told, 'verdict')}: {told.explanation}")
    show_list(told.files, COLUMNS, output)
