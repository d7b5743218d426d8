"""What can be said about an ingestion without its source: every field that cannot be accepted, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from control_plane.domain.checks_of_metadata import check_metadata_columns
from control_plane.domain.checks_of_source import check_source
from control_plane.domain.checks_of_table import (
    check_columns,
    check_columns_of,
    check_destination,
    check_hints,
    normalize_columns,
)
from control_plane.domain.format import check_format
from control_plane.domain.ingestion import Ingestion, LoadPolicy
from control_plane.domain.packing import MAX_BYTES, MAX_FILES
from control_plane.domain.rules import Rules
from control_plane.domain.uri import parse_uri
from control_plane.errors import Violation

DISPLAY_NAME_CHARACTERS_MAX = 200
LABELS_MAX = 64
LABEL_CHARACTERS_MAX = 63
ATTEMPTS_MAX = 100

CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")


def check_id(text: str) -> list[Violation]:
    """Checks the id of a new ingestion."""
    if re.fullmatch(r"[a-z][a-z0-9-]{0,62}", text):
        return []
    remedy = "use 1 to 63 of a-z, 0-9 and `-`, starting with a letter"
    return [Violation("ingestion_id", f'"{text}" is no id; {remedy}')]


def check(ingestion: Ingestion, rules: Rules) -> list[Violation]:
    """Gives all that is wrong with a configuration, by field path; empty when it can be stored."""
    return [
        *_check_words(ingestion),
        *check_source(ingestion.source, rules),
        *check_format(ingestion.format),
        *check_destination(ingestion.destination),
        *check_metadata_columns(ingestion),
        *check_columns(ingestion.columns, field="schema.columns"),
        *check_columns_of(ingestion.format.kind, ingestion.columns, field="schema.columns"),
        *check_columns_of(ingestion.format.kind, ingestion.schema.hints, field="schema.hints"),
        *check_hints(ingestion.schema.hints, ingestion.columns, field="schema.hints"),
        *_check_load(ingestion.load),
    ]


def check_change(stored: Ingestion, changed: Ingestion) -> list[Violation]:
    """Gives the fields that would change and never can, of two normalized configurations."""
    pairs = (
        ("source.uri", stored.source.uri, changed.source.uri, "the files known are those of"),
        ("destination.table", stored.destination.table, changed.destination.table, "rows are in"),
        ("format", stored.format.kind, changed.format.kind, "files were read as"),
    )
    return [
        Violation(field, f'cannot change to "{new}": {why} "{old}"; create another ingestion')
        for field, old, new, why in pairs
        if old != new
    ]


def normalize(ingestion: Ingestion) -> Ingestion:
    """Spells the source and the types of a checked configuration in the one way that is stored."""
    return replace(
        ingestion,
        source=replace(ingestion.source, uri=str(parse_uri(ingestion.source.uri))),
        columns=normalize_columns(ingestion.columns),
        schema=replace(ingestion.schema, hints=normalize_columns(ingestion.schema.hints)),
    )


def _check_words(ingestion: Ingestion) -> Iterator[Violation]:
    if len(ingestion.display_name) > DISPLAY_NAME_CHARACTERS_MAX:
        count = len(ingestion.display_name)
        yield Violation("display_name", f"has {count} characters; at most {DISPLAY_NAME_CHARACTERS_MAX} fit")
    if CONTROL_CHARACTER.search(ingestion.display_name):
        yield Violation("display_name", "has a control character; leave it out")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,63}", ingestion.pool):
        remedy = "use 1 to 63 letters, digits, `-` and `_`"
        yield Violation("pool", f'"{ingestion.pool}" is no name of a pool; {remedy}')
    yield from _check_labels(ingestion.labels)


def _check_labels(labels: Mapping[str, str]) -> Iterator[Violation]:
    if len(labels) > LABELS_MAX:
        yield Violation("labels", f"has {len(labels)} labels; at most {LABELS_MAX} fit")
    for key, value in labels.items():
        if not 1 <= len(key) <= LABEL_CHARACTERS_MAX or len(value) > LABEL_CHARACTERS_MAX:
            yield Violation(
                "labels",
                f'"{key}": keys have 1 to {LABEL_CHARACTERS_MAX} characters, values as many',
            )
        if CONTROL_CHARACTER.search(key + value):
            yield Violation("labels", f"{key!r} has a control character; leave it out")


def _check_load(load: LoadPolicy) -> Iterator[Violation]:
    limits = {
        "max_files_per_lease": MAX_FILES,
        "max_bytes_per_lease": MAX_BYTES,
        "max_attempts": ATTEMPTS_MAX,
    }
    for field, maximum in limits.items():
        value = getattr(load, field)
        if not 0 <= value <= maximum:
            yield Violation(f"load.{field}", f"{value} is not between 1 and {maximum} (0 is the default)")
