"""Places that hold files, one for each kind of source, to arrange the same files in all of them."""

from __future__ import annotations

import uuid
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from control_plane.sources.source import SourceSpec
from tests.servers.server import S3Server, client_of


class Place(Protocol):
    """An empty root folder of one kind of store."""

    @property
    def keeps_odd_keys(self) -> bool:
        """Whether `a//b` and keys that end in a slash can be put here."""

    @property
    def spec(self) -> SourceSpec:
        """A source over the whole root."""

    def put(self, *paths: str, body: bytes = b"{}\n") -> None:
        """Writes files, by their exact paths below the root."""

    def uri(self, path: str) -> str:
        """The uri of a file, put together by plain concatenation."""


def folder_of(place: Place, folder: str, pattern: str = "**", *exclude: str) -> SourceSpec:
    """Makes a source over one folder of a place."""
    return replace(place.spec, uri=place.uri(folder), pattern=pattern, exclude=exclude)


def matching(place: Place, pattern: str, *exclude: str) -> SourceSpec:
    """Makes a source over the files of a place that match."""
    return replace(place.spec, pattern=pattern, exclude=exclude)


@dataclass(frozen=True, slots=True)
class LocalPlace:
    """A folder of this machine."""

    root: Path
    keeps_odd_keys: bool = False

    @property
    def spec(self) -> SourceSpec:
        return SourceSpec(uri=f"file://{self.root}")

    def put(self, *paths: str, body: bytes = b"{}\n") -> None:
        for path in paths:
            file = self.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(body)

    def uri(self, path: str) -> str:
        return f"file://{self.root}/{path}"


class S3Place:
    """A fresh bucket, listed by a user who may do that and read."""

    def __init__(self, server: S3Server) -> None:
        self.server = server
        self.bucket = f"bucket-{uuid.uuid4().hex[:16]}"
        with closing(client_of(server)) as client:
            client.create_bucket(Bucket=self.bucket)
        self._reader = server.user(self.bucket, "s3:ListBucket", "s3:GetObject")

    @property
    def keeps_odd_keys(self) -> bool:
        return self.server.keeps_odd_keys

    @property
    def spec(self) -> SourceSpec:
        return SourceSpec(
            uri=f"s3://{self.bucket}",
            endpoint=self.server.endpoint,
            access_key_id=self._reader.access_key_id,
            secret_access_key=self._reader.secret_access_key,
        )

    def put(self, *paths: str, body: bytes = b"{}\n") -> None:
        with closing(client_of(self.server)) as client:
            for path in paths:
                client.put_object(Bucket=self.bucket, Key=path, Body=body)

    def uri(self, path: str) -> str:
        return f"s3://{self.bucket}/{path}"
