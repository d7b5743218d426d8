"""`autoloader ingestions`: configures what is loaded, and starts runs."""

from __future__ import annotations

import uuid
from typing import Annotated

import typer
from autoloader.v1 import ingestions_pb2 as pb
from google.protobuf.field_mask_pb2 import FieldMask

from control_plane.cli.check import show_check
from control_plane.cli.client import CALL_SECONDS, DEFAULT_SERVER, ServerOption, connect
from control_plane.cli.formats import FormatOption, FormatOptionsOption
from control_plane.cli.metadata_columns import MetadataColumnOption
from control_plane.cli.names import IngestionArgument, name_of
from control_plane.cli.pages import FilterOption, LimitOption, follow
from control_plane.cli.runs import follow_run
from control_plane.cli.show import (
    Columns,
    Output,
    OutputOption,
    last_part,
    show_list,
    show_one,
    state_of,
)
from control_plane.cli.wanted import (
    EndpointOption,
    ExcludeOption,
    FileOption,
    OnBadRecordOption,
    PatternOption,
    RegionOption,
    SourceOption,
    TableOption,
    Wanted,
    read_ingestion,
)

app = typer.Typer(help="What is loaded, from where and into which table.", no_args_is_help=True)

EtagOption = Annotated[str, typer.Option(help="Refuse when the stored etag is another.")]
CheckOption = Annotated[bool, typer.Option("--validate-only", help="Check, and change nothing.")]
COLUMNS: Columns = {
    "ID": lambda ingestion: last_part(ingestion.name),
    "STATE": state_of,
    "SOURCE": lambda ingestion: ingestion.source.uri,
    "PATTERN": lambda ingestion: ingestion.source.pattern,
    "TABLE": lambda ingestion: ingestion.destination.table,
    "LAST RUN": lambda ingestion: last_part(ingestion.last_run),
}


@app.command()
def create(
    ingestion_id: Annotated[str, typer.Argument(help="Id to give it: a-z, 0-9 and -.")],
    file: FileOption = "",
    source: SourceOption = "",
    table: TableOption = "",
    pattern: PatternOption = "",
    exclude: ExcludeOption = None,
    endpoint_url: EndpointOption = "",
    region: RegionOption = "",
    format: FormatOption = None,
    format_option: FormatOptionsOption = None,
    on_bad_record: OnBadRecordOption = None,
    metadata_column: MetadataColumnOption = None,
    validate_only: CheckOption = False,
    server: ServerOption = DEFAULT_SERVER,
    output: OutputOption = Output.TABLE,
) -> None:
    """Creates an ingestion from a JSON file, from options, or both: options win."""
    wanted = Wanted(
        source=source,
        table=table,
        pattern=pattern,
        exclude=tuple(exclude or ()),
        endpoint_url=endpoint_url,
        region=region,
        format=format,
        format_options=tuple(format_option or ()),
        on_bad_record=on_bad_record,
        metadata_columns=tuple(metadata_column or ()),
    )
    request = pb.CreateIngestionRequest(
        ingestion_id=ingestion_id,
        ingestion=wanted.described(file),
        request_id=str(uuid.uuid4()),
        validate_only=validate_only,
    )
    with connect(server) as client:
        show_one(client.ingestions.CreateIngestion(request, timeout=CALL_SECONDS), output)


@app.command("get")
def get_one(
    ingestion: IngestionArgument,
    server: ServerOption = DEFAULT_SERVER,
    output: OutputOption = Output.TABLE,
) -> None:
    """Shows an ingestion; never its secrets."""
    request = pb.GetIngestionRequest(name=name_of(ingestion))
    with connect(server) as client:
        show_one(client.ingestions.GetIngestion(request, timeout=CALL_SECONDS), output)


@app.command("list")
def list_all(
    filter: FilterOption = "",
    limit: LimitOption = 100,
    server: ServerOption = DEFAULT_SERVER,
    output: OutputOption = Output.TABLE,
) -> None:
    """Lists the ingestions in the order of their ids."""
    request = pb.ListIngestionsRequest(filter=filter)
    with connect(server) as client:
        found = follow(client.ingestions.ListIngestions, request, field="ingestions", limit=limit)
        show_list(found, COLUMNS, output)


@app.command()
def update(
    ingestion: IngestionArgument,
    file: Annotated[str, typer.Argument(help="New values of fields, as JSON; - reads stdin.")],
    mask: Annotated[str, typer.Option(help="Fields to change; default: those in the file.")] = "",
    etag: EtagOption = "",
    validate_only: CheckOption = False,
    server: ServerOption = DEFAULT_SERVER,
    output: OutputOption = Output.TABLE,
) -> None:
    """Changes an ingestion. Example: echo '{"display_name": "Orders"}' | … update orders -"""
    changed = read_ingestion(file)
    changed.name = name_of(ingestion)
    changed.etag = etag or changed.etag
    request = pb.UpdateIngestionRequest(
        ingestion=changed,
        update_mask=FieldMask(paths=[path for path in mask.split(",") if path]),
        request_id=str(uuid.uuid4()),
        validate_only=validate_only,
    )
    with connect(server) as client:
        show_one(client.ingestions.UpdateIngestion(request, timeout=CALL_SECONDS), output)


@app.command()
def delete(
    ingestion: IngestionArgument,
    etag: EtagOption = "",
    validate_only: CheckOption = False,
    server: ServerOption = DEFAULT_SERVER,
) -> None:
    """Deletes an ingestion; its table stays, and its id stays taken."""
    request = pb.DeleteIngestionRequest(
        name=name_of(ingestion),
        etag=etag,
        request_id=str(uuid.uuid4()),
        validate_only=validate_only,
    )
    with connect(server) as client:
        client.ingestions.DeleteIngestion(request, timeout=CALL_SECONDS)
    typer.echo(f"{request.name} {'can be' if validate_only else 'is'} deleted")


@app.command()
def run(
    ingestion: IngestionArgument,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow the run to its end.")] = False,
    server: ServerOption = DEFAULT_SERVER,
    output: OutputOption = Output.TABLE,
) -> None:
    """Starts a run; with --watch, exits 1 unless every file loaded."""
    request = pb.RunIngestionRequest(name=name_of(ingestion), request_id=str(uuid.uuid4()))
    with connect(server) as client:
        opened = client.ingestions.RunIngestion(request, timeout=CALL_SECONDS)
        if watch:
            follow_run(client, opened.name, output)
        else:
            show_one(opened, output)


@app.command()
def check(
    ingestion: Annotated[str, typer.Argument(metavar="INGESTION", help="A stored one: its id, or ingestions/ID.")] = "",
    file: FileOption = "",
    source: SourceOption = "",
    table: TableOption = "",
    pattern: PatternOption = "",
    exclude: ExcludeOption = None,
    endpoint_url: EndpointOption = "",
    region: RegionOption = "",
    format: FormatOption = None,
    format_option: FormatOptionsOption = None,
    on_bad_record: OnBadRecordOption = None,
    metadata_column: MetadataColumnOption = None,
    server: ServerOption = DEFAULT_SERVER,
    output: OutputOption = Output.TABLE,
) -> None:
    """Tests the connection: what a run would find, or why it would fail; exits 1 then.

    Lists the source for at most 10 seconds, and stores nothing. Name a stored ingestion, or describe one as for
    `create`. Example: autoloader ingestions check --source s3://landing/orders --table sales.orders
    """
    wanted = Wanted(
        source=source,
        table=table,
        pattern=pattern,
        exclude=tuple(exclude or ()),
        endpoint_url=endpoint_url,
        region=region,
        format=format,
        format_options=tuple(format_option or ()),
        on_bad_record=on_bad_record,
        metadata_columns=tuple(metadata_column or ()),
    )
    described = bool(file) or wanted.is_given
    if bool(ingestion) == described:
        raise typer.BadParameter("name a stored ingestion, or describe one by --file or --source, and not both")
    if ingestion:
        request = pb.CheckIngestionRequest(name=name_of(ingestion))
    else:
        request = pb.CheckIngestionRequest(ingestion=wanted.described(file))
    with connect(server) as client:
        told = client.ingestions.CheckIngestion(request, timeout=CALL_SECONDS)
    show_check(told, output)
    if told.HasField("error"):
        raise typer.Exit(1)


@app.command()
def pause(
    ingestion: IngestionArgument,
    etag: EtagOption = "",
    server: ServerOption = DEFAULT_SERVER,
    output: OutputOption = Output.TABLE,
) -> None:
    """Refuses new runs from now on; an unfinished one goes on."""
    request = pb.PauseIngestionRequest(name=name_of(ingestion), etag=etag, request_id=str(uuid.uuid4()))
    with connect(server) as client:
        show_one(client.ingestions.PauseIngestion(request, timeout=CALL_SECONDS), output)


@app.command()
def resume(
    ingestion: IngestionArgument,
    etag: EtagOption = "",
    server: ServerOption = DEFAULT_SERVER,
    output: OutputOption = Output.TABLE,
) -> None:
    """Accepts runs again."""
    request = pb.ResumeIngestionRequest(name=name_of(ingestion), etag=etag, request_id=str(uuid.uuid4()))
    with connect(server) as client:
        show_one(client.ingestions.ResumeIngestion(request, timeout=CALL_SECONDS), output)
