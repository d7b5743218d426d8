"""Single records of every format without types, of values spelled at will, and what became of their files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from executor.lease import Category, LeasedFile, StageResult
from executor.schema.words import Column, SchemaTerms
from tests.executor.lake import Lake, leased
from tests.executor.readers.kinds import KINDS, Kind

# Whether rows may have several lines makes no difference to single values.
UNTYPED = [kind for kind in KINDS if not kind.is_typed and kind.format.options.get("multi_line", True)]
TREES = [kind for kind in UNTYPED if kind.format.kind != "csv"]
DOCUMENTS = [kind for kind in TREES if kind.format.kind == "json"]
ID = Column(name="id", type="bigint")
V = Column(name="v", type="string")
IGNORE = SchemaTerms()


def put(lake: Lake, kind: Kind, name: str, content: bytes) -> LeasedFile:
    path = lake.folder / f"{name}.{kind.format.kind}"
    path.write_bytes(content)
    return leased(path)


def record(kind: Kind, values: Mapping[str, str]) -> bytes:
    """A file of one record, of values as JSON has them."""
    return records(kind, [values])


def records(kind: Kind, found: Sequence[Mapping[str, str]]) -> bytes:
    """A file of records that have the same names."""
    match kind.format.kind:
        case "json":
            objects = ["{" + ", ".join(f"{json.dumps(name)}: {one[name]}" for name in one) + "}" for one in found]
            is_document = "multi_line" in kind.format.options and len(found) > 1
            return (f"[{', '.join(objects)}]" if is_document else "\n".join(objects) + "\n").encode()
        case "csv":
            rows = [",".join(f'"{_text(value)}"' for value in one.values()) for one in found]
            return "\n".join([",".join(found[0]), *rows, ""]).encode()
        case _:
            elements = ["".join(f"<{name}>{_text(one[name])}</{name}>" for name in one) for one in found]
            return f"<records>{''.join(f'<record>{element}</record>' for element in elements)}</records>".encode()


def _text(value: str) -> str:
    return "" if value == "null" else value.strip('"')


def loaded(
    lake: Lake, kind: Kind, contents: Mapping[str, bytes], *columns: Column, schema: SchemaTerms = IGNORE
) -> StageResult:
    files = [put(lake, kind, name, content) for name, content in contents.items()]
    return lake.load(files, format=kind.format, columns=columns, schema=schema)


def failed(result: StageResult) -> dict[int, str]:
    """What is said of each file that is not loaded, by its index."""
    assert {one.failure.category for one in result.exceptions} <= {Category.DATA_MALFORMED}
    return {one.index: f"{one.failure.message} {one.failure.cause}" for one in result.exceptions}
