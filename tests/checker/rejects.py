"""The records that are kept aside: each exactly once, where the others of its file are loaded, and else not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from pyiceberg.table import Table

from tests.checker.findings import Finding, Invariant


def kept_aside(table: Table | None) -> Counter[str]:
    """The texts that the table holds, freshly loaded; None: there is none."""
    return Counter(table.scan(selected_fields=("content",)).to_arrow()["content"].to_pylist() if table else [])


def kept_aside_once(found: Counter[str], wanted: Iterable[str]) -> Iterator[Finding]:
    expected = Counter(wanted)
    for text in sorted(found.keys() | expected.keys()):
        if found[text] != expected[text]:
            yield Finding(
                Invariant.KEPT_ASIDE_ONCE,
                f"{text!r} is kept aside {found[text]} times, where {expected[text]} are due",
                (text,),
            )
