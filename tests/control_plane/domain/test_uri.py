"""Folders as a user writes them."""

from __future__ import annotations

import pytest

from control_plane.domain.uri import SourceKind, parse_uri


@pytest.mark.parametrize(
    ("text", "spelling", "prefix"),
    [
        ("s3://bucket", "s3://bucket", ""),
        ("s3://bucket/", "s3://bucket", ""),
        ("s3a://bucket/data/", "s3://bucket/data", "data/"),
        ("S3://bucket/Data", "s3://bucket/Data", "Data/"),
        ("s3://bucket/a#b?c=d%20&e@f", "s3://bucket/a#b?c=d%20&e@f", "a#b?c=d%20&e@f/"),
        ("s3://my.bucket-1/\u00e9 x", "s3://my.bucket-1/\u00e9 x", "\u00e9 x/"),
    ],
)
def test_a_bucket_has_one_spelling(text: str, spelling: str, prefix: str) -> None:
    uri = parse_uri(text)
    assert (uri.kind, str(uri), uri.prefix) == (SourceKind.S3, spelling, prefix)


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("file:///data/in/", "file:///data/in"),
        ("file:///", "file:///"),
        ("file:///a#b ?%20", "file:///a#b ?%20"),
    ],
)
def test_a_folder_has_one_spelling(text: str, spelling: str) -> None:
    uri = parse_uri(text)
    assert (uri.kind, str(uri)) == (SourceKind.FILE, spelling)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("/data", "has no scheme"),
        ("bucket/data", "has no scheme"),
        ("gs://bucket", "has the scheme gs"),
        ("s3://", "has no bucket"),
        ("s3:///data", "has no bucket"),
        ("s3://key:secret@bucket/data", "a user or password"),
        ("s3://Bucket", "is no bucket name"),
        ("s3://ab", "is no bucket name"),
        ("s3://a..b", "is no bucket name"),
        ("s3://bucket?x=y", "is no bucket name"),
        ("s3://bucket#x", "is no bucket name"),
        ("s3://bucket:9000/x", "is no bucket name"),
        ("s3://127.0.0.1/x", "is an address"),
        ("s3://bucket/a//b", "without a name"),
        ("s3://bucket/data//", "without a name"),
        ("s3://bucket//data", "without a name"),
        ("s3://bucket/a/../b", "`.` or `..`"),
        ("s3://bucket/a\nb", "control character"),
        ("s3://bucket/\x00", "control character"),
        ("s3://bucket/" + "a" * 1_000, "longer than 1000 bytes"),
        ("file://host/data", "names a host or a relative folder"),
        ("file://data", "names a host or a relative folder"),
        ("file:/data", "has no scheme"),
        ("file:///a/../b", "`.` or `..`"),
        ("file:///a//b", "without a name"),
    ],
)
def test_a_bad_uri_is_refused_with_a_reason(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_uri(text)
    assert problem in str(caught.value)
    assert "secret" not in str(caught.value)
