"""What a person wants loaded, as options say it."""

from __future__ import annotations

from dataclasses import dataclass

from autoloader.v1 import ingestions_pb2 as pb


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Options of a command; what is empty was not given."""

    source: str
    table: str
    pattern: str = ""
    exclude: tuple[str, ...] = ()
    endpoint_url: str = ""
    region: str = ""

    def ingestion(self) -> pb.Ingestion:
        """The ingestion of JSON lines that the options describe."""
        ingestion = pb.Ingestion(
            source=pb.Source(uri=self.source, pattern=self.pattern, exclude=self.exclude),
            destination=pb.Destination(table=self.table),
            format=pb.Format(json=pb.JsonFormat()),
        )
        if self.endpoint_url or self.region:
            s3 = pb.S3Options(endpoint=self.endpoint_url, region=self.region)
            ingestion.source.s3.CopyFrom(s3)
        return ingestion
