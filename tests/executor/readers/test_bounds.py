"""How deep records nest, and how many names they have: beyond a bound a file fails alone, and soon."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from executor.lease import Category
from executor.schema.words import OnSchemaChange, SchemaTerms
from tests.executor.lake import Lake
from tests.executor.readers.kinds import Kind
from tests.executor.readers.records import ID, TREES, UNTYPED, V, failed, loaded, record

LINES = UNTYPED[0]


def nested(kind: Kind, depth: int) -> bytes:
    if kind.format.kind == "xml":
        value = "<a>" * depth + "1" + "</a>" * depth
        return f"<records><record><id>1</id><v>{value}</v></record></records>".encode()
    return record(kind, {"id": "1", "v": '{"a": ' * depth + "1" + "}" * depth})


@pytest.mark.parametrize("kind", TREES, ids=str)
def test_deep_nesting_is_text_within_the_deepest_column_or_fails_its_file(lake: Lake, kind: Kind) -> None:
    contents = {"good": record(kind, {"id": "2"}), "deep": nested(kind, 400), "abyss": nested(kind, 5_000)}
    # So many elements within each other take Spark seconds to plan.
    columns = (ID, V) if kind.format.kind == "xml" else ()
    result = loaded(lake, kind, contents, *columns)
    assert result.records_written == (1, 1, 0)
    assert failed(result).keys() == {2}
    (row,) = lake.sql("SELECT v FROM {t} WHERE id = 1")
    assert sum(str(row["v"]).count(name) for name in ("(a=", '"a"', "<a>")) == 400


def in_one_record(kind: Kind) -> bytes:
    return record(kind, {f"k{number}": "1" for number in range(50_000)})


def in_a_record_each(kind: Kind) -> bytes:
    return b"".join(record(kind, {"id": "1", f"k{number}": "1"}) for number in range(50_000))


@pytest.mark.parametrize("write", [in_one_record, in_a_record_each])
def test_fifty_thousand_names_fail_their_file_alone_and_soon(lake: Lake, write: Callable[[Kind], bytes]) -> None:
    contents = {"good": record(LINES, {"id": "1"}), "names": write(LINES)}
    result = loaded(lake, LINES, contents, ID, schema=SchemaTerms(on_schema_change=OnSchemaChange.APPEND_NEW_COLUMNS))
    assert lake.ids() == [1]
    (one,) = result.exceptions
    assert (one.index, one.failure.category) == (1, Category.SCHEMA_MISMATCH)
    assert "10,000 columns" in one.failure.message
