"""What `python -m executor` is told to do besides being an executor."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """`ingestion` is an id; `accepted` are leases that a person says are in the table."""

    word: Literal["audit", "reconcile"]
    ingestion: str
    is_dry_run: bool = False
    accepted: frozenset[str] = frozenset()


def read_command(words: Sequence[str]) -> Command | None:
    """None without a word. Ends the process, with 2, on words that it does not know."""
    if not words:
        return None
    given = _parser().parse_args(words)
    return Command(
        word=given.word,
        ingestion=given.ingestion.removeprefix("ingestions/"),
        is_dry_run=getattr(given, "dry_run", False),
        accepted=frozenset(getattr(given, "accept", ())),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m executor", description="Without a word: an executor.")
    words = parser.add_subparsers(dest="word", required=True)
    audit = words.add_parser("audit", help="Compares the ledger with an ingestion's table.")
    reconcile = words.add_parser("reconcile", help="Tells the ledger which leases of the table it forgot.")
    for word in (audit, reconcile):
        word.add_argument("ingestion", metavar="INGESTION", help="Its id, or ingestions/ID.")
    reconcile.add_argument("--dry-run", action="store_true", help="Say what would be done, and do nothing.")
    reconcile.add_argument(
        "--accept",
        action="append",
        default=[],
        metavar="LEASE",
        help="A lease whose rows are in the table, by your word.",
    )
    return parser
