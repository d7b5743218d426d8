"""Columns that say where rows come from: which names they may have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from control_plane.domain.checks import check, check_change
from control_plane.domain.format import Format, FormatKind
from control_plane.domain.ingestion import Column, Ingestion, MetadataColumn, MetadataKind, SchemaPolicy
from control_plane.domain.rules import Rules
from tests.builders import an_ingestion

RULES = Rules()
CSV_WITHOUT_HEADER = Format(kind=FormatKind.CSV, options={"header": False})
TEXT = Format(kind=FormatKind.TEXT)


def wanting(*names: str, **more: object) -> Ingestion:
    columns = [MetadataColumn(kind=kind, name=name) for kind, name in zip(MetadataKind, names, strict=False)]
    return replace(an_ingestion(metadata_columns=columns), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "ingestion",
    [
        wanting(*(kind.default_name for kind in MetadataKind)),
        wanting("a", "B", columns=(Column(name="c", type="int"),)),
        wanting("_c0", format=Format(kind=FormatKind.CSV)),
        wanting("value"),
    ],
)
def test_names_of_their_own_pass(ingestion: Ingestion) -> None:
    assert check(ingestion, RULES) == []


@pytest.mark.parametrize(
    ("ingestion", "position"),
    [
        (wanting("x", columns=(Column(name="X", type="int"),)), 0),
        (wanting("x", schema=SchemaPolicy(hints=(Column(name="X", type="int"),))), 0),
        (wanting("x", "X"), 1),
        (wanting(""), 0),
        (wanting("a b"), 0),
        (wanting("a`b"), 0),
        (wanting("ü"), 0),
        (wanting("x" * 256), 0),
        (wanting("_FILE"), 0),
        (wanting("__autoloader_name"), 0),
        (wanting("_C7", format=CSV_WITHOUT_HEADER), 0),
        (wanting("Value", format=TEXT), 0),
    ],
)
def test_other_names_are_refused_by_their_place(ingestion: Ingestion, position: int) -> None:
    (violation,) = check(ingestion, RULES)
    assert violation.field == f"destination.metadata_columns[{position}].name"


def test_a_kind_is_there_once() -> None:
    column = MetadataColumn(kind=MetadataKind.RUN, name="a")
    (violation,) = check(an_ingestion(metadata_columns=[column, replace(column, name="b")]), RULES)
    assert violation.field == "destination.metadata_columns[1].kind"
    assert "RUN" in violation.description


def test_they_can_change() -> None:
    assert check_change(wanting("a"), wanting("b", "c")) == []
