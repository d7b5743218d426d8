"""Spells the exact names of files as Spark does, and finds those that Spark would take for others."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from urllib.parse import quote, unquote

from executor.lease import Category, Failure, S3Access

# Paths are names, not patterns: `a[1].json` never loads `a1.json`. And no columns are guessed
# from folders: where Spark tried to, it read files of several folders six times over.
_EXACT = {"__globPaths__": "false", "recursiveFileLookup": "true"}
# Hadoop's other local file system looks for checksum files beside ours, and fails on colons.
_RAW_LOCAL = {
    "fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
    "fs.file.impl.disable.cache": "true",
}

# What java.net.URI quotes in a path: `%`, some of ASCII, and the spaces and controls beyond it.
_UNQUOTED = re.compile(
    r"[^A-Za-z0-9\-_.!~*'():@&=+$,;/\u0080-\U0010ffff]|[\u0080-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
)
# Hadoop normalises these parts away: `a//b` and `a/./b` would read `a/b`, another object.
_NORMALISED_PARTS = ("", ".", "..")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """How Spark is told to read exactly some files: a scheme for their paths, and reader options."""

    scheme: str
    options: Mapping[str, str]

    def path(self, uri: str) -> str:
        return f"{self.scheme}://{uri.partition('://')[2]}"

    def name(self, uri: str) -> str:
        """The name of a file as `input_file_name` tells it, as far as known: Java's way to quote a path."""
        return _UNQUOTED.sub(lambda found: quote(found[0], safe=""), self.path(uri))

    def uri(self, listed: str) -> str:
        """Our name of a file as Spark lists it: percent-encoded, `file:/` or `file:///`."""
        if listed.startswith("file:"):
            return "file:///" + unquote(listed.removeprefix("file:").lstrip("/"))
        return "s3://" + unquote(listed.partition("://")[2])


def address(source_uri: str, *, s3: S3Access) -> Address:
    if not source_uri.startswith("s3://"):
        return Address(scheme="file", options=_EXACT | _RAW_LOCAL)
    known = {key: value for key, value in asdict(s3).items() if value}
    # Hadoop caches clients by scheme and bucket, whatever their keys. A scheme of their own keeps
    # two sets of keys apart; not caching would build a client for every file.
    digest = hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()
    scheme = f"s3a{digest[:16]}"
    return Address(scheme=scheme, options=_EXACT | _s3a_options(s3, scheme))


def _s3a_options(s3: S3Access, scheme: str) -> dict[str, str]:
    options = {
        f"fs.{scheme}.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "fs.s3a.path.style.access": str(s3.path_style).lower(),
        "fs.s3a.change.detection.mode": "server",
    }
    if s3.endpoint:
        options["fs.s3a.endpoint"] = s3.endpoint
        options["fs.s3a.connection.ssl.enabled"] = str(s3.endpoint.startswith("https")).lower()
    if s3.region:
        options["fs.s3a.endpoint.region"] = s3.region
    if s3.access_key_id:
        provider = "TemporaryAWSCredentialsProvider" if s3.session_token else "SimpleAWSCredentialsProvider"
        options |= {
            "fs.s3a.aws.credentials.provider": f"org.apache.hadoop.fs.s3a.{provider}",
            "fs.s3a.access.key": s3.access_key_id,
            "fs.s3a.secret.key": s3.secret_access_key,
        }
    if s3.session_token:
        options["fs.s3a.session.token"] = s3.session_token
    return options


def name_trouble(uri: str) -> Failure | None:
    """Why Spark cannot read a file of this name, or None."""
    reason = _reason(uri)
    if reason is None:
        return None
    return Failure(
        category=Category.NAME_UNSUPPORTED,
        message=f"The file cannot be read under its name: {reason}. Rename it.",
    )


def _reason(uri: str) -> str | None:
    try:
        uri.encode()
    except UnicodeEncodeError:
        return "it is not UTF-8"
    _, _, path = uri.partition("://")
    # A local path starts with `/`, an S3 one with the bucket.
    parts = path.removeprefix("/").split("/") if uri.startswith("file:") else path.split("/")
    if any(part in _NORMALISED_PARTS for part in parts):
        return "it has an empty part, `.` or `..` between slashes"
    if parts[-1].startswith(("_", ".")) or parts[-1].endswith("._COPYING_"):
        return "Spark hides names that start with `_` or `.`, or end with `._COPYING_`"
    return None
