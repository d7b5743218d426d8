"""The quick way to load: as exact as the careful one, and given up where it cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from executor import staging, trust
from executor.counts import FileCounts
from executor.lease import Category, LeasedFile
from executor.readers.json_lines import JsonLines
from executor.schema.words import Column
from tests.executor.lake import Lake, leased

COLUMNS = (Column(name="id", type="bigint"), Column(name="value", type="double"))
# More than are read in full before, so that only a glance at them tells.
FILES = 100


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> list[FileCounts | None]:
    """What was counted in each round that trusted its files, and came to an end."""
    rounds: list[FileCounts | None] = []

    def noted(*arguments: Any) -> FileCounts | None:
        rounds.append(trust.trusted_counts(*arguments))
        return rounds[-1]

    monkeypatch.setattr(staging, "trusted_counts", noted)
    return rounds


def _files(lake: Lake, *texts: bytes) -> list[LeasedFile]:
    """Good files of one to three records, then one of each of the texts."""
    good = b'{"id": 1, "value": 0.5}\n'
    contents = [good * (1 + number % 3) for number in range(FILES)] + list(texts)
    return [leased(_written(lake.folder / f"{number:03}.json", text)) for number, text in enumerate(contents)]


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_good_files_are_trusted_and_counted_exactly(lake: Lake, trusted: list[FileCounts | None]) -> None:
    texts = (b'{"id": 2}\r\n{"id": 3}\r\n', b'{"id": 4}', b'{"id": 5, "value": null}\n{"id": 6}')
    result = lake.load(_files(lake, *texts), columns=COLUMNS)
    assert result.exceptions == ()
    assert result.records_written == (*(1 + number % 3 for number in range(FILES)), 2, 1, 2)
    assert [counts is not None for counts in trusted] == [True]


@pytest.mark.parametrize(
    ("text", "records"), [(b'{"id": 2}\n\n{"id": 3}\n', 2), (b'{"id": 2}\r{"id": 3}\n', 2), (b'[{"id": 2}]\n', 1)]
)
def test_what_a_glance_cannot_count_is_counted_with_care(lake: Lake, text: bytes, records: int) -> None:
    result = lake.load(_files(lake, text), columns=COLUMNS)
    assert result.exceptions == ()
    assert result.records_written[FILES] == records


@pytest.mark.parametrize(
    "text",
    [
        b'{"id": 2}\n{"id": "x"}\n',
        b'{"id": 2} {"id": 3}\n',
        b'{"id": 2} garbage\n',
        b'{"id": 2, "value": 1e400}\n',
        b'{"id": 2, "value": -1e400}\n{"id": 3, "value": 0}\n',
    ],
)
def test_a_bad_file_is_found_among_many_that_are_trusted(lake: Lake, text: bytes) -> None:
    result = lake.load(_files(lake, text), columns=COLUMNS)
    (exception,) = result.exceptions
    assert (exception.index, exception.failure.category) == (FILES, Category.DATA_MALFORMED)
    assert exception.records_rejected == 1
    assert len(lake.ids()) == sum(1 + number % 3 for number in range(FILES))


def test_a_column_without_values_needs_no_second_look(lake: Lake, trusted: list[FileCounts | None]) -> None:
    files = [leased(_written(lake.folder / "a.json", b'{"id": 2, "value": null}\n{"id": 3}\n'))]
    assert lake.load(files, columns=COLUMNS).records_written == (2,)
    assert [counts is not None for counts in trusted] == [True]


def test_nested_floating_numbers_are_never_trusted(lake: Lake, trusted: list[FileCounts | None]) -> None:
    columns = (*COLUMNS, Column(name="list", type="array<float>"))
    assert lake.load(_files(lake), columns=columns).exceptions == ()
    assert trusted == []


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (b"", 0),
        (b'{"a": 1}', 1),
        (b'{"a": 1}\n{"a": 2}\n', 2),
        (b'{"a": 1}\r\n{"a": 2}\r\n', 2),
        (b'{"a": {}}\n', None),
        (b'{"a": 1} {"a": 2}\n', None),
        (b'{"a": 1}2\n', None),
        (b'{"a": 1}\r{"a": 2}\n', None),
        (b"1\n[2]\n", None),
    ],
)
def test_a_glance_counts_alike_however_the_text_is_cut(text: bytes, lines: int | None) -> None:
    for size in range(1, len(text) + 2):
        assert JsonLines({}).count_at_a_glance(_cut(text, size)) == lines


def _cut(text: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(text), size):
        yield text[start : start + size]
