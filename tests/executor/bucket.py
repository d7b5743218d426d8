"""A bucket of moto's for tests, and what a listing of it shows."""

from __future__ import annotations

import dataclasses
from typing import Any

from executor.lease import LeasedFile, S3Access
from tests.servers.moto_server import MotoServer
from tests.servers.server import REGION, S3Keys


@dataclasses.dataclass
class Bucket:
    """Objects are put by the server's owner."""

    server: MotoServer
    client: Any
    name: str

    def put(self, key: str, body: bytes) -> LeasedFile:
        self.client.put_object(Bucket=self.name, Key=key, Body=body)
        found = self.client.head_object(Bucket=self.name, Key=key)
        return LeasedFile(
            uri=f"s3://{self.name}/{key}",
            size_bytes=found["ContentLength"],
            etag=found["ETag"],
            modification_time_ns=int(found["LastModified"].timestamp()) * 1_000_000_000,
        )

    def access(self, keys: S3Keys | None = None) -> S3Access:
        keys = keys or self.server.admin
        return S3Access(
            endpoint=self.server.endpoint,
            region=REGION,
            path_style=True,
            access_key_id=keys.access_key_id,
            secret_access_key=keys.secret_access_key,
        )
