"""Every field of a file is found, wherever its bytes are cut, and in bounded memory."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.readers import json_fields
from executor.readers.json_fields import fields_of_lines
from executor.schema.observed import Fields, of_records

LINES: list[dict[str, object]] = [{"id": 1}, {"id": 2, "name": None}, {"late": [{"deep": 1.5}]}, {"id": 3, "late": []}]
CONTENT = "".join(f"{json.dumps(line)}\n" for line in LINES).encode()


def in_pieces(content: bytes, size: int) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


def said(fields: Fields) -> tuple[set[str], dict[str, int]]:
    return {f"{field.name} {field.dataType.simpleString()}" for field in fields.columns}, dict(fields.counts)


@given(size=st.integers(1, len(CONTENT)), part_bytes=st.integers(1, len(CONTENT)))
def test_it_does_not_matter_where_the_bytes_are_cut(size: int, part_bytes: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_fields, "_PART_BYTES", part_bytes)
        assert said(fields_of_lines(in_pieces(CONTENT, size))) == (
            {"id bigint", "name void", "late array<struct<deep:double>>"},
            {"id": 3, "name": 0, "late": 2},
        )


def test_arrow_and_python_see_the_same() -> None:
    assert said(fields_of_lines([CONTENT])) == said(of_records(LINES))


def test_lines_that_are_no_records_show_nothing() -> None:
    assert said(fields_of_lines([b'{"id": 1}\nnot json\n7\n{"b": true}\n'])) == (
        {"id bigint", "b boolean"},
        {"id": 1, "b": 1},
    )


def test_a_record_beyond_the_memory_for_it_is_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_fields, "RECORD_BYTES_MAX", 1 << 20)
    with pytest.raises(ValueError, match="schema_check to SAMPLE or OFF"):
        fields_of_lines(in_pieces(b'{"id": "' + b"x" * (2 << 20), 1 << 16))
