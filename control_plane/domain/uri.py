"""Addresses a user gives: the folder of a source, spelled in one way, and the endpoint of an S3
server.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

URI_BYTES_MAX = 1_000


class SourceKind(StrEnum):
    """Kinds of stores that hold files."""

    S3 = "s3"
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceUri:
    """A folder. `folder` is empty for the root, else it ends in no slash; that of a file system
    starts with one.
    """

    kind: SourceKind
    bucket: str
    folder: str

    @property
    def prefix(self) -> str:
        """What the key of every object in the folder begins with."""
        return f"{self.folder}/" if self.folder else ""

    def __str__(self) -> str:
        if self.kind is SourceKind.FILE:
            return f"file://{self.folder or '/'}"
        return f"s3://{self.bucket}/{self.folder}".removesuffix("/")


def parse_uri(text: str) -> SourceUri:
    """Reads the folder of a source; `str()` of it is its one spelling. ValueError says what is
    wrong and what to do.

    Nothing is percent-decoded, and `?` and `#` are characters like others: what stands there is the
    exact name.
    """
    _check_text(text)
    scheme, separator, rest = text.partition("://")
    match scheme.lower() if separator else "":
        case "s3" | "s3a" | "s3n":
            return _s3_folder(text, rest)
        case "file":
            return _local_folder(text, rest)
        case "":
            raise ValueError(f'"{text}" has no scheme; write s3://bucket/folder or file:///folder')
        case other:
            raise ValueError(f'"{text}" has the scheme {other}; only s3 and file can be read')


def _check_text(text: str) -> None:
    if not text:
        raise ValueError("the uri is empty; write s3://bucket/folder or file:///folder")
    if len(text.encode("utf-8", "surrogatepass")) > URI_BYTES_MAX:
        raise ValueError(f"the uri is longer than {URI_BYTES_MAX} bytes; start at a folder further up")
    if re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", text):
        raise ValueError(f"{text!r} holds a control character; a folder cannot be named so")


def _s3_folder(text: str, rest: str) -> SourceUri:
    bucket, _, folder = rest.partition("/")
    if "@" in bucket:
        raise ValueError("the uri holds a user or password before `@`; put keys under source.credentials")
    _check_bucket(bucket)
    folder = folder.removesuffix("/")
    _check_parts(text, folder.split("/") if folder else [])
    return SourceUri(kind=SourceKind.S3, bucket=bucket, folder=folder)


def _check_bucket(bucket: str) -> None:
    if not bucket:
        raise ValueError("the uri has no bucket; write s3://bucket/folder")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket) or ".." in bucket:
        raise ValueError(
            f'"{bucket}" is no bucket name; those have 3 to 63 of a-z, 0-9, `-` and `.`, with a '
            "letter or digit at both ends"
        )
    if re.fullmatch(r"\d+\.\d+\.\d+\.\d+", bucket):
        raise ValueError(f'"{bucket}" is an address, no bucket; put a server under source.s3.endpoint')


def _local_folder(text: str, rest: str) -> SourceUri:
    if not rest.startswith("/"):
        raise ValueError(f'"{text}" names a host or a relative folder; write file:/// and the absolute folder')
    folder = rest.rstrip("/")
    _check_parts(text, folder.split("/")[1:] if folder else [])
    return SourceUri(kind=SourceKind.FILE, bucket="", folder=folder)


def _check_parts(text: str, parts: list[str]) -> None:
    if "" in parts:
        raise ValueError(f'"{text}" has a folder without a name between two slashes; files there cannot be read')
    if "." in parts or ".." in parts:
        raise ValueError(f'"{text}" has `.` or `..` for a folder; write the folder that you mean')
