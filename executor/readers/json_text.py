"""What is JSON and what is not: shared by files of lines and files of one document."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from executor.readers.leaves import any_infinity
from executor.readers.reader import Record
from executor.schema.infer import infer
from executor.sql import quoted

BYTE_ORDER_MARK = "\ufeff"
# Half as deep as Spark goes by itself, and less deep than Python does: what the one reads, the other sees.
NESTED_MAX = 500
STRICT = {"allowSingleQuotes": "false", "allowNonNumericNumbers": "false", "maxNestingDepth": str(NESTED_MAX)}

# Escapes of what two of them make together, and of backslashes; of what is left, each such escape is half a character.
_WHOLE_ESCAPES = r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF_ESCAPE = r"\\u[dD][89a-fA-F]"
_WHOLE_BYTES, _HALF_BYTES = re.compile(_WHOLE_ESCAPES.encode()), re.compile(_HALF_ESCAPE.encode())
_SHOWN_CHARACTERS_MAX = 50
_NUMBER_TOO_LONG = re.compile(r"[0-9.]{1001}")


def reject_overflow(rows: DataFrame, schema: StructType, *, rejected: str) -> DataFrame:
    """Rejects rows with infinite numbers: Spark reads 1e400 as one without a word, and JSON itself has none."""
    overflowed = any_infinity(schema)
    if overflowed is None:
        return rows
    raw = F.to_json(F.struct(*(F.col(quoted(name)) for name in schema.names)))
    return rows.withColumn(rejected, F.coalesce(F.col(rejected), F.when(overflowed, raw)))


def is_one_value(text: Column) -> Column:
    """Whether the text is one JSON value and nothing else, by what JSON allows around a value.

    As a field's value, only a comma and another field could follow it; as an array's element, only
    a comma and another value. What is fit to be both is followed by neither. The mark tells that
    nothing closed the text early.
    """
    around = F.concat(F.lit('{"field":'), text, F.lit(',"elements":['), text, F.lit('],"mark":true}'))
    return F.coalesce(F.from_json(around, "mark boolean")["mark"], F.lit(False))


def has_half_character(text: Column) -> Column:
    """Whether half of a surrogate pair is escaped in it, which is no character: Spark makes it a question mark."""
    return F.rlike(F.regexp_replace(text, F.lit(_WHOLE_ESCAPES), F.lit(" ")), F.lit(_HALF_ESCAPE))


def may_have_half_character(part: bytes) -> bool:
    """The same of a part of a text; also where an escape may be cut off at its end."""
    if part.endswith((b"\\", b"\\u", b"\\ud", b"\\uD")):
        return True
    has_surrogates = b"\\ud" in part or b"\\uD" in part
    return has_surrogates and _HALF_BYTES.search(_WHOLE_BYTES.sub(b" ", part)) is not None


def records_of(text: bytes) -> Iterator[Record | ValueError]:
    """The records of a JSON value: itself, or its elements."""
    try:
        value = json.loads(text.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        yield error if isinstance(error, ValueError) else ValueError("nested too deeply")
        return
    if may_have_half_character(text):
        yield ValueError("half of a surrogate pair is no character")
        return
    for record in value if isinstance(value, list) else [value]:
        yield as_record(record)


def check_json(text: str) -> None:
    """Raises ValueError when the text is not one JSON value."""
    try:
        json.loads(text, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def as_record(value: Any) -> Record | ValueError:
    return value if isinstance(value, dict) else ValueError("a record must be an object")


def reason(text: str, types: Mapping[str, str]) -> str:
    """Why a record of this text does not fit columns of these types."""
    try:
        record = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        return f"it is not JSON ({error.msg} at character {error.pos + 1})"
    except _NotJson as error:
        return str(error)
    except (ValueError, RecursionError):
        return "it has a number too long, or is nested too deeply"
    if may_have_half_character(text.encode()):
        return "half of a surrogate pair is escaped in it, which is no character"
    records = record if isinstance(record, list) else [record]
    found = next((found for found in (misfit(one, types) for one in records) if found), "")
    return found or _beyond_json(text)


def _beyond_json(text: str) -> str:
    """Why a text is rejected that is JSON, and whose values fit."""
    if _NUMBER_TOO_LONG.search(text):
        return "it has a number of more than 1,000 digits"
    if text.isascii():
        return f"a number is beyond the range of its column, or it is nested more than {NESTED_MAX} deep"
    return "its text is not UTF-8"


def misfit(record: Any, types: Mapping[str, str]) -> str:
    """What is wrong with one record; empty when it seems right."""
    if not isinstance(record, dict):
        return "it is not an object"
    seen = {column.name: column.type for column in infer([record])}
    misfits = [
        f"`{name}` is {kind}, here {_shown(record[name])}"
        for name, kind in types.items()
        # A string column takes whatever is there, as text.
        if kind != "string" and record.get(name) is not None and seen.get(name, kind) != kind
    ]
    return "a value does not fit its column: " + "; ".join(misfits) if misfits else ""


def _shown(value: Any) -> str:
    # Python reads numbers that no type of Spark's can hold as infinite ones.
    if isinstance(value, float) and math.isinf(value):
        return "beyond its range"
    return f"it is {json.dumps(value, ensure_ascii=False)[:_SHOWN_CHARACTERS_MAX]}"


class _NotJson(ValueError):
    """What Python's parser takes for JSON all the same."""


def _refuse_constant(name: str) -> None:
    raise _NotJson(f"{name} is not JSON")
