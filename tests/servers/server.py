"""What a test wants of an S3 server: where it is, who may do what, and a client to arrange with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class S3Keys:
    """The keys of one user."""

    access_key_id: str
    secret_access_key: str = field(repr=False)

    def with_wrong_secret(self) -> S3Keys:
        """The same user, who does not know the secret."""
        return S3Keys(self.access_key_id, "x" * 40)


class S3Server(Protocol):
    """A running server that checks signatures and rights."""

    @property
    def endpoint(self) -> str:
        """URL of the server."""

    @property
    def admin(self) -> S3Keys:
        """Keys that may do everything."""

    @property
    def keeps_odd_keys(self) -> bool:
        """Whether `a//b`, `a/` and `..` stay as they are written."""

    def user(self, bucket: str, *actions: str) -> S3Keys:
        """Makes a user with these rights on a bucket alone: `user("b", "s3:ListBucket")`."""


def client_of(server: S3Server, keys: S3Keys | None = None) -> S3Client:
    """Makes a plain boto3 client, the administrator's unless told otherwise; close it."""
    keys = keys or server.admin
    client: S3Client = boto3.session.Session().client(
        "s3",
        endpoint_url=server.endpoint,
        region_name=REGION,
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 2}),
    )
    return client
