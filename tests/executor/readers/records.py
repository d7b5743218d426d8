"""Single records of every format without types, of values spelled at will, and what became of their files."""

from __future__ import annotations

import json
from collections.abc import Mapping

from executor.lease import Category, Column, LeasedFile, SchemaTerms, StageResult
from tests.executor.lake import Lake, leased
from tests.executor.readers.kinds import KINDS, Kind

UNTYPED = [kind for kind in KINDS if not kind.is_typed]
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
    texts = {name: "" if value == "null" else value.strip('"') for name, value in values.items()}
    match kind.format.kind:
        case "json":
            return ("{" + ", ".join(f"{json.dumps(name)}: {value}" for name, value in values.items()) + "}\n").encode()
        case "csv":
            return (",".join(texts) + "\n" + ",".join(f'"{text}"' for text in texts.values()) + "\n").encode()
        case _:
            inner = "".join(f"<{name}>{text}</{name}>" for name, text in texts.items())
            return f"<records><record>{inner}</record></records>".encode()


def loaded(
    lake: Lake, kind: Kind, contents: Mapping[str, bytes], *columns: Column, schema: SchemaTerms = IGNORE
) -> StageResult:
    files = [put(lake, kind, name, content) for name, content in contents.items()]
    return lake.load(files, format=kind.format, columns=columns, schema=schema)


def failed(result: StageResult) -> dict[int, str]:
    """What is said of each file that is not loaded, by its index."""
    assert {one.failure.category for one in result.exceptions} <= {Category.DATA_MALFORMED}
    return {one.index: f"{one.failure.message} {one.failure.cause}" for one in result.exceptions}
