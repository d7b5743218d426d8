"""The table of kinds of stores: one line a kind."""

from __future__ import annotations

from collections.abc import Callable

from control_plane.domain.uri import SourceKind, parse_uri
from control_plane.sources.local import LocalSource
from control_plane.sources.s3 import S3Source
from control_plane.sources.source import Source, SourceSpec

_KINDS: dict[SourceKind, Callable[[SourceSpec], Source]] = {
    SourceKind.S3: S3Source,
    SourceKind.FILE: LocalSource,
}


def open_source(spec: SourceSpec) -> Source:
    """Opens where the files are, without asking the store yet; ValueError on a uri or glob that is
    no good.
    """
    return _KINDS[parse_uri(spec.uri).kind](spec)
