"""`autoloader preview`: what loading some files would do, on this machine alone or for an ingestion of a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import grpc
import typer
from autoloader.v1 import ingestions_pb2 as pb
from autoloader.v1.ingestions_pb2_grpc import IngestionServiceStub

from control_plane.cli.client import DEFAULT_SERVER, ServerOption, connect, open_channel, reason_of
from control_plane.cli.data_folder import DEFAULT_DATA, DataOption
from control_plane.cli.formats import FormatOption, FormatOptionsOption
from control_plane.cli.load import split_source
from control_plane.cli.names import name_of
from control_plane.cli.show import Output, OutputOption
from control_plane.cli.show_preview import show_preview
from control_plane.cli.wanted import FileOption, Wanted, read_ingestion
from control_plane.embedded.warehouse import CATALOG

if TYPE_CHECKING:
    from control_plane.embedded.machine import Machine

# As long as a server lets a call last that does not say how long.
PREVIEW_SECONDS = 90.0
# An executor that starts for the first time fetches what it runs on.
TRIES_MAX = 10
# A table that nobody has, to compare with none.
NO_TABLE = "autoloader_preview.no_table"

FilesOption = Annotated[int, typer.Option("--files", help="How many files to read, 1 to 20. Default: 5.")]
RowsOption = Annotated[
    int, typer.Option("--rows", help="How many rows to show, and bad records, 1 to 1,000. Default: 20.")
]


def preview(
    source: Annotated[str, typer.Argument(help="A folder, a file, or s3://bucket/prefix.")],
    table: Annotated[str, typer.Option(help="Table to compare with: NAMESPACE.TABLE. Default: a new one.")] = "",
    format: FormatOption = None,
    format_option: FormatOptionsOption = None,
    pattern: Annotated[str, typer.Option(help="Files to read, by path below SOURCE: *, **, ?, [..], {a,b}.")] = "",
    files: FilesOption = 0,
    rows: RowsOption = 0,
    data: DataOption = DEFAULT_DATA,
    endpoint_url: Annotated[str, typer.Option(help="S3 server other than AWS.")] = "",
    region: Annotated[str, typer.Option(help="Region of the S3 server.")] = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Shows what loading the first files of SOURCE would do, and loads nothing.

    Columns, rows, records that cannot be read, and changes of the table; exits 1 when nothing would be loaded.
    """
    # Takes a second, which those who only talk to a server should not wait for.
    from control_plane.cli.on_machine import on_machine

    folder, glob = split_source(source, pattern)
    wanted = Wanted(
        source=folder,
        table=table.removeprefix(f"{CATALOG}.") or NO_TABLE,
        pattern=glob,
        endpoint_url=endpoint_url,
        region=region,
        format=format,
        format_options=tuple(format_option or ()),
    )
    request = pb.PreviewIngestionRequest(ingestion=wanted.ingestion(), file_count=files, row_count=rows)
    _show(on_machine(data, lambda machine: _ask(machine, request)), output)


def preview_ingestion(
    ingestion: Annotated[str, typer.Argument(metavar="INGESTION", help="A stored one: its id, or ingestions/ID.")] = "",
    file: FileOption = "",
    files: FilesOption = 0,
    rows: RowsOption = 0,
    server: ServerOption = DEFAULT_SERVER,
    output: OutputOption = Output.TABLE,
) -> None:
    """Shows what a run would make of the first files, and loads nothing; exits 1 when it would load none.

    Columns, rows, records that cannot be read, and changes of the table. Name a stored ingestion, or describe one by
    --file. An executor of its pool reads the files.
    """
    if bool(ingestion) == bool(file):
        raise typer.BadParameter("name a stored ingestion, or describe one by --file, and not both")
    request = pb.PreviewIngestionRequest(file_count=files, row_count=rows)
    if ingestion:
        request.name = name_of(ingestion)
    else:
        request.ingestion.CopyFrom(read_ingestion(file))
    with connect(server) as client:
        told = client.ingestions.PreviewIngestion(request, timeout=PREVIEW_SECONDS)
    _show(told, output)


def _show(told: pb.PreviewIngestionResponse, output: Output) -> None:
    show_preview(told.preview, output)
    if told.preview.HasField("error"):
        raise typer.Exit(1)


async def _ask(machine: Machine, request: pb.PreviewIngestionRequest) -> pb.PreviewIngestionResponse:
    """Asks again while this machine's executor is not ready; should it end, the machine says so."""
    async with open_channel(machine.address) as channel:
        ingestions = IngestionServiceStub(channel)
        for _ in range(TRIES_MAX - 1):
            try:
                return await ingestions.PreviewIngestion(request, timeout=PREVIEW_SECONDS)
            except grpc.aio.AioRpcError as error:
                is_early = error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
                if not is_early and reason_of(error) != "EXECUTOR_UNAVAILABLE":
                    raise
        return await ingestions.PreviewIngestion(request, timeout=PREVIEW_SECONDS)
