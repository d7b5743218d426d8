"""`autoloader ingestions`: configures what is loaded, and starts runs."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path
from typing import Annotated

import typer
from autoloader.v1 import ingestions_pb2 as pb
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.json_format import ParseDict, ParseError, Parse

from control_plane.cli.client import CALL_SECONDS, DEFAULT_SERVER, ServerOption, connect
from control_plane.cli.pages import FilterOption, LimitOption, follow
from control_plane.cli.runs import follow_run
from control_plane.cli.show import (
    Output,
    OutputOption,
    last_part,
    show_list,
    show_one,
    state_of,
    time_of,
)

app = typer.Typer(help="What is loaded, from where and into which table.", no_args_is_help=True)

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="Id of the ingestion.")]
EtagOption = Annotated[str, typer.Option(help="Refuse when the stored etag is another.")]
CheckOption = Annotated[bool, typer.Option("--validate-only", help="Check, and change nothing.")]
FileOption = Annotated[
    Path | None,
    typer.Option("--file", "-f", help="The ingestion as JSON, as grpcurl takes it; - reads stdin."),
]
COLUMNS = {
    "ID": lambda ingestion: last_part(ingestion.name),
    "STATE": state_of,
    "SOURCE": lambda ingestion: ingestion.source.uri,
    "PATTERN": lambda ingestion: ingestion.source.pattern,
    "TABLE": lambda ingestion: ingestion.destination.table,
    "LAST RUN": lambda ingestion: last_part(ingestion.last_run),
}


@app.command()
def create(
    ingestion_id: IdArgument,
    file: FileOption = None,
    source: Annotated[str, typer.Option(help="Folder: s3://bucket/prefix or file:///folder.")] = "",
    table: Annotated[str, typer.Option(help="Table: [catalog.]namespace.table.")] = "",
    pattern: Annotated[str, typer.Option(help="Glob of the files to load.")] = "",
    exclude: Annotated[list[str] | None, typer.Option(help="Glob of files to leave out.")] = None,
    endpoint_url: Annotated[str, typer.Option(help="S3 server other than AWS.")] = "",
    region: Annotated[str, typer.Option(help="Region of the S3 server.")] = "",
    validate_only: CheckOption = False,
    server: ServerOption = DEFAULT_SERVER,
    output: OutputOption = Output.TABLE,
) -> None:
    """Creates an ingestion from a JSON file, from options, or both: options win."""
    ingestion = _read(file) if file else pb.Ingestion()
    if not ingestion.format.WhichOneof("kind"):
        ingestion.format.json.SetInParent()
    wanted = build(source, table, pattern=pattern, exclude=exclude or [])
    ingestion.MergeFrom(wanted)
    request = pb.CreateIngestionRequest(
        ingestion_id=ingestion_id,
        ingestion=ingestion,
        request_id=str(uuid.uuid4()),
        validate_only=validate_only,
    )
    with connect(server) as client:
        show_one(client.ingestions.CreateIngestion(request, timeout=CALL_SECONDS), output)
