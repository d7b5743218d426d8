"""An object that the ledger does not know is explained by its place and its name."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from control_plane.domain.explanation import ListingStanding, Verdict
from control_plane.domain.format import Format, FormatKind
from control_plane.domain.ingestion import Destination, Ingestion, Source
from control_plane.domain.unseen import explain_unseen, spelled
from control_plane.sources.names import why_unsupported

NEVER = ListingStanding()


def an_ingestion(uri: str = "s3://bucket/in", pattern: str = "**/*.json", *exclude: str) -> Ingestion:
    return Ingestion(
        id="orders",
        source=Source(uri=uri, pattern=pattern, exclude=exclude),
        format=Format(kind=FormatKind.JSON),
        destination=Destination(table="a.b"),
    )


@pytest.mark.parametrize(
    ("uri", "verdict", "told"),
    [
        ("s3://other/in/a.json", Verdict.OUTSIDE_SOURCE, "the folder of the source, s3://bucket/in,"),
        ("s3://bucket/in2/a.json", Verdict.OUTSIDE_SOURCE, "not in the folder"),
        ("s3://bucket/in/", Verdict.OUTSIDE_SOURCE, "not in the folder"),
        ("file:///in/a.json", Verdict.OUTSIDE_SOURCE, "not in the folder"),
        ("a.json", Verdict.OUTSIDE_SOURCE, "not in the folder"),
        ("s3://bucket/in/a.csv", Verdict.NOT_MATCHED, 'Its path "a.csv" does not match the pattern "**/*.json"'),
        ("s3://bucket/in/tmp/a.json", Verdict.EXCLUDED, 'matches "tmp/**" of source.exclude'),
        ("s3://bucket/in/x/_a.json", Verdict.NAME_UNSUPPORTED, "starts with `_` or `.`"),
        ("s3://bucket/in/x/a.json", Verdict.NOT_SEEN, "none has listed the source yet"),
    ],
)
def test_what_keeps_an_object_out_is_named(uri: str, verdict: Verdict, told: str) -> None:
    ingestion = an_ingestion("s3://bucket/in", "**/*.json", "old/**", "tmp/**")
    explained = explain_unseen(uri, ingestion, NEVER, why_unsupported=why_unsupported)
    assert explained.verdict is verdict
    assert told in explained.sentence


@pytest.mark.parametrize(("root", "uri"), [("s3://bucket", "s3://bucket/a.json"), ("file:///", "file:///a.json")])
def test_what_is_below_the_root_of_a_store_is_within_it(root: str, uri: str) -> None:
    explained = explain_unseen(uri, an_ingestion(root), NEVER, why_unsupported=why_unsupported)
    assert explained.verdict is Verdict.NOT_SEEN


@pytest.mark.parametrize(
    ("listing", "told"),
    [
        (ListingStanding(active_run=7, is_being_listed=True), "ingestions/orders/runs/7 lists the source now"),
        (ListingStanding(failure="The bucket is not there."), "could not list the source. The bucket is not there."),
        (
            ListingStanding(last_whole_run=5, last_whole_time=datetime(2026, 1, 31, tzinfo=UTC)),
            "ingestions/orders/runs/5, began at 2026-01-31T00:00:00Z",
        ),
    ],
)
def test_what_fits_was_not_seen_by_a_run(listing: ListingStanding, told: str) -> None:
    explained = explain_unseen("s3://bucket/in/a.json", an_ingestion(), listing, why_unsupported=why_unsupported)
    assert explained.verdict is Verdict.NOT_SEEN
    assert told in explained.sentence


@pytest.mark.parametrize(
    ("given", "exact"),
    [
        ("s3a://b/k", "s3://b/k"),
        ("S3N://b/k", "s3://b/k"),
        ("s3://b/s3a://k", "s3://b/s3a://k"),
        ("file:/a/b", "file:///a/b"),
        ("file:///a", "file:///a"),
    ],
)
def test_other_spellings_of_a_uri_are_known(given: str, exact: str) -> None:
    assert spelled(given) == exact
