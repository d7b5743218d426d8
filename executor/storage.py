"""Reads the start of a file, and tells whether a file is still the one that was listed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from executor.diagnose import failure_of
from executor.errors import AttemptFailed
from executor.lease import Category, Failure, LeasedFile, S3Access
from executor.ranges import Body, Ranges

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_S3_REQUESTS_AT_ONCE = 16
_CHUNK_BYTES = 1 << 20
# Trouble that no other file of the lease would be spared.
_LEASE_WIDE = (
    Category.AUTHENTICATION,
    Category.BUCKET_NOT_FOUND,
    Category.THROTTLED,
    Category.CONNECTIVITY,
    Category.UNKNOWN,
)


class Store(Protocol):
    """Where a lease's files are. Raises AttemptFailed when the store as a whole is out of reach."""

    def head(self, file: LeasedFile, bytes_max: int) -> bytes:
        """The first bytes of a file. Raises FileTrouble."""
        ...

    def stream(self, file: LeasedFile) -> BinaryIO:
        """A file, to read once from its start to its end. Raises FileTrouble, here or while it is read."""
        ...

    def open(self, file: LeasedFile) -> BinaryIO:
        """A file, to read here and there in it. Raises FileTrouble, here or while it is read."""
        ...

    def chunks(self, file: LeasedFile) -> Iterator[bytes] | None:
        """A file's bytes, where they are cheap to read a second time. Raises OSError."""
        ...

    def troubles(self, files: Sequence[LeasedFile]) -> tuple[Failure | None, ...]:
        """For each file, why it is not the readable file that was listed; None if it is."""
        ...


class FileTrouble(Exception):
    """One file cannot be read, or is another one by now."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def open_store(source_uri: str, *, s3: S3Access) -> Store:
    return S3Store(s3) if source_uri.startswith("s3://") else LocalStore()


class LocalStore:
    """Files of this machine; a version is its size and its time of modification."""

    def head(self, file: LeasedFile, bytes_max: int) -> bytes:
        try:
            with open(_local_path(file), "rb") as content:
                return content.read(bytes_max)
        except OSError as error:
            raise FileTrouble(_os_failure(error)) from error

    def stream(self, file: LeasedFile) -> BinaryIO:
        return self.open(file)

    def open(self, file: LeasedFile) -> BinaryIO:
        try:
            return open(_local_path(file), "rb")
        except OSError as error:
            raise FileTrouble(_os_failure(error)) from error

    def chunks(self, file: LeasedFile) -> Iterator[bytes] | None:
        return _chunks(_local_path(file))

    def troubles(self, files: Sequence[LeasedFile]) -> tuple[Failure | None, ...]:
        return tuple(self._trouble(file) for file in files)

    def _trouble(self, file: LeasedFile) -> Failure | None:
        try:
            found = os.stat(_local_path(file))
        except OSError as error:
            return _os_failure(error)
        if not os.access(_local_path(file), os.R_OK):
            return _os_failure(PermissionError())
        same = (found.st_size, found.st_mtime_ns) == (file.size_bytes, file.modification_time_ns)
        return None if same else _changed()


class S3Store:
    """Objects of an S3 server; a version is its etag, else its size and its time in seconds."""

    def __init__(self, s3: S3Access) -> None:
        self._s3 = s3
        self._client: S3Client = boto3.client(
            "s3",
            endpoint_url=s3.endpoint or None,
            region_name=s3.region or None,
            aws_access_key_id=s3.access_key_id or None,
            aws_secret_access_key=s3.secret_access_key or None,
            aws_session_token=s3.session_token or None,
            config=Config(
                max_pool_connections=_S3_REQUESTS_AT_ONCE,
                retries={"mode": "standard", "max_attempts": 4},
                s3={"addressing_style": "path" if s3.path_style else "auto"},
            ),
        )

    def head(self, file: LeasedFile, bytes_max: int) -> bytes:
        return self._part(file, 0, bytes_max) if file.size_bytes else b""

    def stream(self, file: LeasedFile) -> BinaryIO:
        bucket, key = _bucket_and_key(file)
        try:
            body = self._client.get_object(Bucket=bucket, Key=key)["Body"]
            return cast(BinaryIO, Body(body, trouble=self._trouble_of))
        except (ClientError, BotoCoreError) as error:
            raise self._trouble_of(error) from error

    def _trouble_of(self, error: Exception) -> FileTrouble:
        return FileTrouble(self._failure(error))

    def open(self, file: LeasedFile) -> BinaryIO:
        return cast(BinaryIO, Ranges(partial(self._part, file), size=file.size_bytes))

    def _part(self, file: LeasedFile, start: int, bytes_max: int) -> bytes:
        bucket, key = _bucket_and_key(file)
        try:
            answer = self._client.get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{start + bytes_max - 1}")
            return answer["Body"].read()
        except (ClientError, BotoCoreError) as error:
            raise FileTrouble(self._failure(error)) from error

    def chunks(self, file: LeasedFile) -> Iterator[bytes] | None:
        return None

    def troubles(self, files: Sequence[LeasedFile]) -> tuple[Failure | None, ...]:
        with ThreadPoolExecutor(_S3_REQUESTS_AT_ONCE) as threads:
            return tuple(threads.map(self._trouble, files))

    def _trouble(self, file: LeasedFile) -> Failure | None:
        bucket, key = _bucket_and_key(file)
        try:
            found = self._client.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if _status(error) == 403:
                return self._forbidden(file)
            return self._failure(error)
        except BotoCoreError as error:
            return self._failure(error)
        if file.etag:
            return None if found["ETag"].strip('"') == file.etag.strip('"') else _changed()
        seconds = file.modification_time_ns // 1_000_000_000
        same = (found["ContentLength"], int(found["LastModified"].timestamp())) == (
            file.size_bytes,
            seconds,
        )
        return None if same else _changed()

    def _forbidden(self, file: LeasedFile) -> Failure | None:
        """Why the server said 403: the answer to HEAD has no body, the answer to GET tells."""
        try:
            self.head(file, 1)
        except FileTrouble as trouble:
            return trouble.failure
        return None

    def _failure(self, error: Exception) -> Failure:
        failure = failure_of(error, secrets=self._s3.secrets)
        if failure.category in _LEASE_WIDE:
            raise AttemptFailed(failure) from error
        return failure


def _local_path(file: LeasedFile) -> Path:
    return Path(file.uri.removeprefix("file://"))


def _chunks(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as content:
        while chunk := content.read(_CHUNK_BYTES):
            yield chunk


def _bucket_and_key(file: LeasedFile) -> tuple[str, str]:
    bucket, _, key = file.uri.removeprefix("s3://").partition("/")
    return bucket, key


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _changed() -> Failure:
    return Failure(
        category=Category.FILE_CHANGED,
        message="The file changed after it was listed; the next run sees the new version.",
    )


def _os_failure(error: OSError) -> Failure:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return Failure(category=Category.FILE_MISSING, message="The file went away before it was read.")
    if isinstance(error, PermissionError):
        return Failure(
            category=Category.PERMISSION,
            message="The executor's user may not read this file. Grant it, and run again.",
            cause=str(error),
            retryable=True,
        )
    return Failure(
        category=Category.CONNECTIVITY,
        message="The file could not be read from its disk.",
        cause=str(error),
        retryable=True,
    )
