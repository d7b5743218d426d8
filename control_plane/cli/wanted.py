"""What a person wants loaded, as options and a file say it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from autoloader.v1 import ingestions_pb2 as pb
from google.protobuf.json_format import Parse, ParseError

from control_plane.cli.formats import FormatKind, format_of
from control_plane.cli.metadata_columns import metadata_columns_of

FileOption = Annotated[
    str,
    typer.Option("--file", "-f", help="The ingestion as JSON, as grpcurl takes it; - reads stdin."),
]
SourceOption = Annotated[str, typer.Option(help="Folder: s3://bucket/prefix or file:///folder.")]
TableOption = Annotated[str, typer.Option(help="Table: namespace.table, or catalog.namespace.table.")]
PatternOption = Annotated[str, typer.Option(help="Glob of the files to load.")]
ExcludeOption = Annotated[list[str] | None, typer.Option(help="Glob of files to leave out.")]
EndpointOption = Annotated[str, typer.Option(help="S3 server other than AWS.")]
RegionOption = Annotated[str, typer.Option(help="Region of the S3 server.")]


class OnBadRecord(StrEnum):
    """What to do with records that cannot be read; `load.on_bad_record` in the API's words."""

    FAIL_FILE = "fail-file"
    KEEP_ASIDE = "keep-aside"

    def in_api(self) -> pb.LoadPolicy.OnBadRecord.ValueType:
        return pb.LoadPolicy.OnBadRecord.Value(f"ON_BAD_RECORD_{self.name}")


OnBadRecordOption = Annotated[
    OnBadRecord | None,
    typer.Option(help="Records that cannot be read: fail their file (default), or go to the table {table}__rejects."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Options of a command; what is empty was not given."""

    source: str
    table: str
    pattern: str = ""
    exclude: tuple[str, ...] = ()
    endpoint_url: str = ""
    region: str = ""
    format: FormatKind | None = None
    format_options: tuple[str, ...] = ()
    on_bad_record: OnBadRecord | None = None
    metadata_columns: tuple[str, ...] = ()

    @property
    def is_given(self) -> bool:
        return any(
            (
                *(self.source, self.table, self.pattern, self.exclude, self.endpoint_url, self.region),
                self.says_format,
                self.on_bad_record,
                self.metadata_columns,
            )
        )

    @property
    def says_format(self) -> bool:
        return self.format is not None or bool(self.format_options)

    def ingestion(self) -> pb.Ingestion:
        """The ingestion that the options describe."""
        ingestion = pb.Ingestion(
            source=pb.Source(uri=self.source, pattern=self.pattern, exclude=self.exclude),
            destination=pb.Destination(table=self.table, metadata_columns=metadata_columns_of(self.metadata_columns)),
            format=format_of(self.format, self.format_options),
        )
        if self.on_bad_record:
            ingestion.load.on_bad_record = self.on_bad_record.in_api()
        if self.endpoint_url or self.region:
            s3 = pb.S3Options(endpoint=self.endpoint_url, region=self.region)
            ingestion.source.s3.CopyFrom(s3)
        return ingestion

    def described(self, file: str) -> pb.Ingestion:
        """The ingestion of the file, if there is one, over which the options win."""
        if not file:
            return self.ingestion()
        ingestion, over = read_ingestion(file), self.ingestion()
        if not self.says_format and ingestion.HasField("format"):
            over.ClearField("format")
        if self.metadata_columns:
            ingestion.destination.ClearField("metadata_columns")
        ingestion.MergeFrom(over)
        return ingestion


def read_ingestion(file: str) -> pb.Ingestion:
    """Raises typer.BadParameter for what is no ingestion; says where, and shows nothing of it."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text()
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be read: {error.strerror}") from None
    try:
        return Parse(text, pb.Ingestion())
    except ParseError as error:
        raise typer.BadParameter(f"{file} holds no ingestion: {error}") from None
