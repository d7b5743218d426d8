"""Which names are left out, and by which rule."""

from __future__ import annotations

import pytest

from control_plane.sources.names import why_unsupported


@pytest.mark.parametrize(
    "path",
    ["a.json", "a/b.json", "_day/a.json", ".day/a.json", "a.b/..c/d.json", "a_.json", "...a/b", "~a"],
)
def test_a_plain_name_is_loaded(path: str) -> None:
    assert why_unsupported(path) == ""


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("a/", "folder marker"),
        ("a_$folder$", "folder marker"),
        ("a/_SUCCESS", "starts with `_`"),
        ("a/.b", "starts with `_` or `.`"),
        ("a.json._COPYING_", "temporary"),
        ("a.json~", "temporary"),
        ("a//b", "two slashes"),
        ("/b", "two slashes"),
        ("a/./b", "resolves"),
        ("../b", "resolves"),
        ("a\x00b", "NUL"),
    ],
)
def test_a_name_that_spark_hides_or_changes_is_left_out(path: str, rule: str) -> None:
    assert rule in why_unsupported(path)
