"""What a lease leaves beside its table, so that a ledger that forgot it can be told.

    <table>/_autoloader/<ingestion>/<lease>/<attempt>.json.gz   before StageLease: what was staged, of which files
    <table>/_autoloader/<ingestion>/<lease>/published.json      before CompleteLease: that it is in main

Only a decided snapshot is ever published, so each lease in main has a manifest.
"""

from __future__ import annotations

import gzip
import json
import re
import time
import zlib
from dataclasses import dataclass
from typing import Any

from executor.beside import Objects
from executor.errors import attempt_failed
from executor.failpoints import failpoint
from executor.lease import Category, Failure, FileOutcome, LeasedFile, Outcome, Rejects, StagedTable

_FORMAT = 1
_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# Spark Connect writes a folder where others write a file.
_NAME = re.compile(rf"([^/]+)/({_UUID})/(?:({_UUID})|published)\.json(?:\.gz|/part-[^/]+)?")
# What Hadoop's committers leave in such a folder, and its checksums.
_BYWORK = re.compile(r"(?:.*/)?[._][^/]*")
_GZIP = b"\x1f\x8b"


class Unreadable(Exception):
    """An object that is no manifest, or not whole; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an attempt staged and what became of each file; `records_written` has one count a file."""

    ingestion: str
    lease_id: str
    attempt: str
    time_ms: int
    staged: StagedTable
    files: tuple[LeasedFile, ...]
    records_written: tuple[int, ...]
    exceptions: tuple[FileOutcome, ...]
    rejects: Rejects | None = None

    @property
    def name(self) -> str:
        return f"{self.ingestion}/{self.lease_id}/{self.attempt}.json.gz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """That a staged snapshot came to main, and as which snapshot."""

    staged_snapshot_id: int
    published_snapshot_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A name by its parts; a marker has no attempt."""

    ingestion: str
    lease_id: str
    attempt: str | None


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def leave_manifest(manifest: Manifest, objects: Objects) -> None:
    """Raises AttemptFailed when it cannot be written: without it the ledger's loss could not be made good."""
    failpoint("executor.before_manifest")
    try:
        objects.write(manifest.name, encode_manifest(manifest))
    except Exception as error:
        raise attempt_failed(
            Category.WRITE_FAILURE,
            f"The lease's manifest cannot be written beside `{manifest.staged.table}`. Give Spark the right and the "
            "file system to write below the table's location (over Spark Connect: the server's Hadoop).",
            retryable=True,
            cause=f"{type(error).__name__}: {error}",
        ) from error
    failpoint("executor.after_manifest")


def leave_marker(marker: Marker, objects: Objects, *, ingestion: str, lease_id: str) -> None:
    failpoint("executor.before_marker")
    text = json.dumps({"staged": marker.staged_snapshot_id, "published": marker.published_snapshot_id})
    objects.write(f"{ingestion}/{lease_id}/published.json", text)
    failpoint("executor.after_marker")


def is_bywork(name: str) -> bool:
    """Whether it is what a file system leaves beside an object, to be passed over."""
    return _BYWORK.fullmatch(name) is not None


def name_of(text: str) -> Name | None:
    """The parts of a name, None when it is not one of ours."""
    found = _NAME.fullmatch(text)
    return Name(ingestion=found[1], lease_id=found[2], attempt=found[3]) if found else None


def encode_manifest(manifest: Manifest) -> str:
    """One line of JSON."""
    document: dict[str, Any] = {
        "format": _FORMAT,
        "ingestion": manifest.ingestion,
        "lease": manifest.lease_id,
        "attempt": manifest.attempt,
        "time_ms": manifest.time_ms,
        **_table_fields(manifest.staged),
        "files": [
            [file.uri, file.size_bytes, file.etag, file.modification_time_ns, records]
            for file, records in zip(manifest.files, manifest.records_written, strict=True)
        ],
        "exceptions": [_exception_fields(exception) for exception in manifest.exceptions],
    }
    if manifest.rejects:
        document["rejects"] = {**_table_fields(manifest.rejects.staged), "of_files": manifest.rejects.records}
    return json.dumps(document, separators=(",", ":"))


def decode_manifest(content: bytes, name: Name) -> Manifest:
    """Raises Unreadable when it is not whole, is of a later format, or is not what its name says."""
    document = _document(content)
    if (version := document.get("format")) != _FORMAT:
        raise Unreadable(f"has format {version}, which this version of Autoloader does not know")
    try:
        manifest = _manifest(document)
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"lacks what a manifest has ({type(error).__name__}: {error})") from error
    if (manifest.ingestion, manifest.lease_id, manifest.attempt) != (name.ingestion, name.lease_id, name.attempt):
        raise Unreadable(f"is the manifest of {manifest.name}, not of where it is")
    return manifest


def decode_marker(content: bytes) -> Marker:
    """Raises Unreadable."""
    document = _document(content)
    try:
        return Marker(staged_snapshot_id=int(document["staged"]), published_snapshot_id=int(document["published"]))
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"lacks what a marker has ({type(error).__name__}: {error})") from error


def _document(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(gzip.decompress(content) if content.startswith(_GZIP) else content)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise Unreadable(f"is not whole ({type(error).__name__}: {error})") from error
    if not isinstance(document, dict):
        raise Unreadable("is no object of JSON")
    return document


def _manifest(document: dict[str, Any]) -> Manifest:
    files = document["files"]
    manifest = Manifest(
        ingestion=document["ingestion"],
        lease_id=document["lease"],
        attempt=document["attempt"],
        time_ms=int(document["time_ms"]),
        staged=_table(document),
        files=tuple(
            LeasedFile(uri=uri, size_bytes=int(size), etag=etag, modification_time_ns=int(time_ns))
            for uri, size, etag, time_ns, _ in files
        ),
        records_written=tuple(int(file[4]) for file in files),
        exceptions=tuple(_exception(*fields) for fields in document["exceptions"]),
        rejects=_rejects(document["rejects"]) if "rejects" in document else None,
    )
    if sum(manifest.records_written) != manifest.staged.records_added:
        raise ValueError("the counts of the files do not sum to the number of rows")
    return manifest


def _table_fields(staged: StagedTable) -> dict[str, Any]:
    return {
        "table": staged.table,
        "table_uuid": staged.table_uuid,
        "base": staged.base_snapshot_id,
        "staged": staged.staged_snapshot_id,
        "records": staged.records_added,
    }


def _table(fields: dict[str, Any]) -> StagedTable:
    return StagedTable(
        table=fields["table"],
        table_uuid=fields["table_uuid"],
        base_snapshot_id=int(fields["base"]),
        staged_snapshot_id=int(fields["staged"]),
        records_added=int(fields["records"]),
    )


def _rejects(fields: dict[str, Any]) -> Rejects:
    rejects = Rejects(staged=_table(fields), records=tuple(map(int, fields["of_files"])))
    if sum(rejects.records) != rejects.staged.records_added:
        raise ValueError("the counts of what is kept aside do not sum to its number of rows")
    return rejects


def _exception_fields(exception: FileOutcome) -> list[Any]:
    failure = exception.failure
    return [
        exception.index,
        exception.outcome.value,
        failure.category.value,
        failure.message,
        failure.cause,
        failure.retryable,
        exception.records_rejected,
    ]


def _exception(
    index: int, outcome: str, category: str, message: str, cause: str, retryable: bool, records_rejected: int
) -> FileOutcome:
    return FileOutcome(
        index=int(index),
        outcome=Outcome(outcome),
        failure=Failure(category=Category(category), message=message, cause=cause, retryable=bool(retryable)),
        records_rejected=int(records_rejected),
    )
