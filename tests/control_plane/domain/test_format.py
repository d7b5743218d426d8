"""Options of formats: what is allowed, and what is said to who sends something else."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from control_plane.domain.format import Format, FormatKind, check_format


def said(
    kind: FormatKind, options: Mapping[str, str | bool] | None = None, reader_options: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The violations, by field."""
    found = check_format(Format(kind=kind, options=options or {}, reader_options=reader_options or {}))
    return {each.field: each.description for each in found}


@pytest.mark.parametrize("kind", [kind for kind in FormatKind if kind is not FormatKind.XML])
def test_a_format_needs_no_options(kind: FormatKind) -> None:
    assert said(kind) == {}


def test_xml_needs_the_name_of_its_records() -> None:
    assert "name the element" in said(FormatKind.XML)["format.xml.row_tag"]
    assert said(FormatKind.XML, {"row_tag": "ns:order"}) == {}


@pytest.mark.parametrize("option", ["delimiter", "quote", "escape", "comment"])
@pytest.mark.parametrize("value", [";;", "\n", "\r", "\0"])
def test_a_sign_is_one_character(option: str, value: str) -> None:
    assert f"{value!r} is not one character" in said(FormatKind.CSV, {option: value})[f"format.csv.{option}"]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"delimiter": '"'}, "quote"),
        ({"quote": ","}, "quote"),
        ({"comment": ","}, "comment"),
        ({"delimiter": ";", "comment": ";"}, "comment"),
    ],
)
def test_signs_differ_from_each_other(options: dict[str, str | bool], field: str) -> None:
    assert "they must differ" in said(FormatKind.CSV, options)[f"format.csv.{field}"]


@pytest.mark.parametrize("encoding", ["utf-8", "UTF-16LE", "latin-1", "cp1252"])
def test_encodings_are_known_by_all_their_names(encoding: str) -> None:
    assert said(FormatKind.CSV, {"encoding": encoding}) == {}


@pytest.mark.parametrize("encoding", ["utf-7", "none", "🦆", "rot13"])
def test_an_encoding_that_is_not_known_is_refused_with_those_that_are(encoding: str) -> None:
    assert "use UTF-8, ISO-8859-1" in said(FormatKind.CSV, {"encoding": encoding})["format.csv.encoding"]


def test_an_encoding_of_two_bytes_cannot_be_cut_at_lines() -> None:
    refused = said(FormatKind.CSV, {"encoding": "UTF-16", "multi_line": False})
    assert "multi_line" in refused["format.csv.encoding"]


@pytest.mark.parametrize(
    ("option", "remedy"),
    [
        ("ignoreCorruptFiles", "half a broken file"),
        ("IgnoreMissingFiles", "as if it were empty"),
        ("mode", "is not loaded"),
        ("sep", "csv.delimiter"),
        ("fs.s3a.access.key", "allowed for csv are dateFormat"),
        ("spark.sql.ansi.enabled", "allowed for csv are dateFormat"),
        ("x.class", "allowed for csv are dateFormat"),
    ],
)
def test_an_option_that_is_not_allowed_is_refused_with_the_remedy(option: str, remedy: str) -> None:
    assert remedy in said(FormatKind.CSV, reader_options={option: "true"})["format.reader_options"]


def test_options_that_are_allowed_belong_to_their_formats() -> None:
    assert said(FormatKind.JSON, reader_options={"dateFormat": "dd.MM.yyyy"}) == {}
    assert (
        "allowed for parquet are none"
        in said(FormatKind.PARQUET, reader_options={"dateFormat": "dd.MM.yyyy"})["format.reader_options"]
    )
    assert "control character" in said(FormatKind.JSON, reader_options={"dateFormat": "a\nb"})["format.reader_options"]
