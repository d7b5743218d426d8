"""Why the ledger knows nothing of an object: its place, its name, or that no run has seen it."""

from __future__ import annotations

import re
from collections.abc import Callable

from control_plane.domain.explanation import Explanation, ListingStanding, Verdict, at, run_of
from control_plane.domain.glob import compile_glob
from control_plane.domain.ingestion import Ingestion, Source
from control_plane.domain.uri import parse_uri


def spelled(uri: str) -> str:
    """The uri as files have it: `s3a://` and `s3n://` are `s3://`, and `file:/` has three slashes."""
    return re.sub(r"^file:/(?!/)", "file:///", re.sub(r"^s3[an]://", "s3://", uri, flags=re.IGNORECASE))


def explain_unseen(
    uri: str, ingestion: Ingestion, listing: ListingStanding, *, why_unsupported: Callable[[str], str]
) -> Explanation:
    """Explains an object without a file; `why_unsupported` tells of a path why it cannot be read, or nothing."""
    source = ingestion.source
    path = _path_within(uri, source)
    if not path:
        told = f"It is not in the folder of the source, {source.uri}, and the ingestion loads what is below that alone."
        return Explanation(Verdict.OUTSIDE_SOURCE, told)
    pattern = source.pattern or "**"
    if not compile_glob(pattern).matches(path):
        return Explanation(Verdict.NOT_MATCHED, f'Its path "{path}" does not match the pattern "{pattern}".')
    for exclude in source.exclude:
        if not compile_glob("**", [exclude]).matches(path):
            return Explanation(Verdict.EXCLUDED, f'Its path "{path}" matches "{exclude}" of source.exclude.')
    if reason := why_unsupported(path):
        return Explanation(Verdict.NAME_UNSUPPORTED, f"{reason} A run that lists it records it as SKIPPED.")
    return Explanation(Verdict.NOT_SEEN, _not_seen(ingestion, listing))


def _path_within(uri: str, source: Source) -> str:
    """The path below the source's folder; empty for what is not there."""
    root = str(parse_uri(source.uri)).removesuffix("/") + "/"
    return uri.removeprefix(root) if uri.startswith(root) else ""


def _not_seen(ingestion: Ingestion, listing: ListingStanding) -> str:
    fits = "It would be loaded, but no run has seen it"
    if listing.is_being_listed:
        return f"{fits}: {run_of(ingestion, listing.active_run)} lists the source now."
    if listing.failure:
        return f"{fits}: the last one could not list the source. {listing.failure}"
    if listing.last_whole_time is None:
        return f"{fits}: none has listed the source yet. RunIngestion starts one."
    last = run_of(ingestion, listing.last_whole_run)
    began = f"the last that listed the source, {last}, began at {at(listing.last_whole_time)}"
    return f"{fits}: {began}. What came later is found by the next run, which RunIngestion starts."
