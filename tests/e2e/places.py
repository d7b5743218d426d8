"""Where the files of a story are: a bucket or a folder, and the source that names it."""

from __future__ import annotations

import uuid
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from autoloader.v1 import ingestions_pb2 as pb

from tests.servers.server import S3Keys, S3Server, client_of


class Place(Protocol):
    """An empty place that files can be put into."""

    @property
    def source(self) -> pb.Source:
        """The source over all of it, with rights to list and to read."""

    def put(self, name: str, content: bytes) -> None:
        """Writes a file, or writes it anew."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of this machine, which the operator allows."""

    path: Path

    @property
    def source(self) -> pb.Source:
        return pb.Source(uri=f"file://{self.path}")

    def put(self, name: str, content: bytes) -> None:
        """A lister sees the file whole, or not at all."""
        self.path.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(".draft")
        draft.write_bytes(content)
        draft.rename(self.path / name)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, or what is under a prefix of it (`events/`)."""

    server: S3Server
    prefix: str = ""
    pattern: str = ""
    name: str = field(default_factory=lambda: f"bucket-{uuid.uuid4().hex[:16]}")

    @property
    def source(self) -> pb.Source:
        return self.source_for(self.server.user(self.name, "s3:ListBucket", "s3:GetObject"))

    def source_for(self, keys: S3Keys) -> pb.Source:
        return pb.Source(
            uri=f"s3://{self.name}/{self.prefix}",
            pattern=self.pattern,
            s3=pb.S3Options(endpoint=self.server.endpoint),
            credentials=pb.Credentials(static_keys=static_keys(keys)),
        )

    def make(self) -> Bucket:
        with closing(client_of(self.server)) as client:
            client.create_bucket(Bucket=self.name)
        return self

    def put(self, name: str, content: bytes) -> None:
        with closing(client_of(self.server)) as client:
            client.put_object(Bucket=self.name, Key=self.prefix + name, Body=content)

    def remove(self, name: str) -> None:
        with closing(client_of(self.server)) as client:
            client.delete_object(Bucket=self.name, Key=self.prefix + name)


def static_keys(keys: S3Keys) -> pb.StaticKeys:
    return pb.StaticKeys(access_key_id=keys.access_key_id, secret_access_key=keys.secret_access_key)
