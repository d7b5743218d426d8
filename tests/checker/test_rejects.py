"""What is kept aside: the checker sees what is missing, what is there twice, and what ought not to be there."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.checker.findings import Invariant
from tests.checker.rejects import kept_aside, kept_aside_once


def test_each_once_is_right() -> None:
    assert not list(kept_aside_once(Counter(["a", "b"]), ["b", "a"]))
    assert not list(kept_aside_once(kept_aside(None), []))


@pytest.mark.parametrize("found", [[], ["a", "a"], ["a", "b"]])
def test_whatever_else_is_found(found: list[str]) -> None:
    (finding,) = kept_aside_once(Counter(found), ["a"])
    assert finding.invariant is Invariant.KEPT_ASIDE_ONCE
