"""Objects in a bucket of AWS S3, or of any server that speaks its protocol."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from control_plane.domain.file import ListedFile
from control_plane.domain.glob import compile_glob, literal_prefix
from control_plane.domain.uri import parse_uri
from control_plane.sources.names import why_unsupported
from control_plane.sources.one_ahead import one_ahead
from control_plane.sources.s3_errors import classify, not_a_listing
from control_plane.sources.s3_listing import parse_contents
from control_plane.sources.source import ListingPage, SourceSpec

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client
    from types_boto3_s3.type_defs import ListObjectsV2OutputTypeDef, ObjectTypeDef

CONNECT_TIMEOUT_SECONDS = 10
READ_TIMEOUT_SECONDS = 60
ATTEMPTS_MAX = 4
DEFAULT_REGION = "us-east-1"

_EPOCH = datetime.fromtimestamp(0, UTC)
_MICROSECOND = timedelta(microseconds=1)


class S3Source:
    """Lists a folder of a bucket by ListObjectsV2, with a client of its own for each listing."""

    def __init__(
        self,
        spec: SourceSpec,
        *,
        connect_timeout_seconds: float = CONNECT_TIMEOUT_SECONDS,
        read_timeout_seconds: float = READ_TIMEOUT_SECONDS,
        attempts_max: int = ATTEMPTS_MAX,
    ) -> None:
        uri = parse_uri(spec.uri)
        self.ordered = True
        self._spec = spec
        self._bucket = uri.bucket
        self._folder = uri.prefix
        self._glob = compile_glob(spec.pattern, spec.exclude)
        self._narrowed = self._folder + literal_prefix(spec.pattern)
        self._last_key = ""
        self._config = _client_config(spec, connect_timeout_seconds, read_timeout_seconds, attempts_max)

    async def list(self) -> AsyncGenerator[ListingPage, None]:
        """Lists the objects that match; SourceError with a category when the server refuses or is
        away.
        """
        self.ordered = True
        async with aclosing(one_ahead(self._pages())) as pages:
            async for page in pages:
                yield page

    def _pages(self) -> Generator[ListingPage, None, None]:
        try:
            with closing(self._client()) as client:
                yield from self._listing(client)
        except (BotoCoreError, ClientError, ValueError) as error:
            raise classify(error, self._spec, self._bucket) from error

    def _client(self) -> S3Client:
        client: S3Client = boto3.session.Session().client(
            "s3",
            endpoint_url=self._spec.endpoint or None,
            region_name=self._spec.region or DEFAULT_REGION,
            aws_access_key_id=self._spec.access_key_id or None,
            aws_secret_access_key=self._spec.secret_access_key or None,
            aws_session_token=self._spec.session_token or None,
            config=self._config,
        )
        client.meta.events.register("before-parse.s3.ListObjectsV2", parse_contents)
        return client

    def _listing(self, client: S3Client) -> Generator[ListingPage, None, None]:
        token = ""
        while True:
            answer = (
                client.list_objects_v2(Bucket=self._bucket, Prefix=self._narrowed, ContinuationToken=token)
                if token
                else client.list_objects_v2(Bucket=self._bucket, Prefix=self._narrowed)
            )
            following = self._following_token(answer, token)
            yield self._page(answer)
            if not following:
                return
            token = following

    def _following_token(self, answer: ListObjectsV2OutputTypeDef, token: str) -> str:
        """Gives the token of the next page; empty at the end, which an answer has to state."""
        if "IsTruncated" not in answer:
            raise not_a_listing(self._spec, "The answer has no IsTruncated.")
        if not answer["IsTruncated"]:
            return ""
        following = answer.get("NextContinuationToken", "")
        if not following or following == token:
            raise not_a_listing(self._spec, f"The listing goes on, but its next token is {following!r}.")
        return following

    def _page(self, answer: ListObjectsV2OutputTypeDef) -> ListingPage:
        contents = answer.get("Contents", [])
        return ListingPage(
            files=[file for content in contents if (file := self._file(content))],
            objects_listed=len(contents),
            requests=1 + answer["ResponseMetadata"]["RetryAttempts"],
        )

    def _file(self, content: ObjectTypeDef) -> ListedFile | None:
        """Makes a file of an object; None when it does not match, or is the marker of the folder
        itself.
        """
        key = content["Key"]
        if key <= self._last_key:
            self.ordered = False
        self._last_key = key
        path = key[len(self._folder) :]
        if not path or not key.startswith(self._folder) or not self._glob.matches(path):
            return None
        return ListedFile(
            uri=f"s3://{self._bucket}/{key}".replace("\x00", "%00"),
            size_bytes=content["Size"],
            etag=content.get("ETag", "").strip('"'),
            modification_time_ns=(content["LastModified"] - _EPOCH) // _MICROSECOND * 1_000,
            unsupported=why_unsupported(path),
        )


def _client_config(spec: SourceSpec, connect_seconds: float, read_seconds: float, attempts_max: int) -> Config:
    is_path_style = spec.path_style if spec.path_style is not None else bool(spec.endpoint)
    return Config(
        connect_timeout=connect_seconds,
        read_timeout=read_seconds,
        retries={"mode": "standard", "total_max_attempts": attempts_max},
        s3={"addressing_style": "path" if is_path_style else "virtual"},
        max_pool_connections=1,
        user_agent_extra="autoloader",
    )
