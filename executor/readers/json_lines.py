"""JSON, one record a line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, DoubleType, FloatType, MapType, StringType, StructField, StructType

from executor.sql import quoted

_BRACE_INSIDE_LINE = re.compile(rb"}[^\r\n]")
_BYTE_ORDER_MARK = "\ufeff"
_STRICT = {
    "mode": "PERMISSIVE",
    "multiLine": "false",
    "allowSingleQuotes": "false",
    "allowNonNumericNumbers": "false",
}


class JsonLines:
    """A record is an object; an array of objects on a line is that many records."""

    def read(
        self,
        spark: SparkSession,
        paths: Sequence[str],
        *,
        schema: StructType,
        rejected: str,
        options: Mapping[str, str],
    ) -> DataFrame:
        rows = (
            spark.read.schema(StructType([*schema.fields, StructField(rejected, StringType())]))
            .options(**_STRICT, **options)
            .option("columnNameOfCorruptRecord", rejected)
            .json(list(paths))
        )
        overflowed = [
            _has_infinity(F.col(quoted(field.name)), field.dataType)
            for field in schema
            if _can_overflow(field.dataType)
        ]
        if not overflowed:
            return rows
        # Spark reads 1e400 as infinity without a word; JSON itself has no infinity.
        any_overflowed = overflowed[0]
        for condition in overflowed[1:]:
            any_overflowed = any_overflowed | condition
        return rows.withColumn(rejected, F.when(any_overflowed, F.lit("")).otherwise(F.col(rejected)))

    def records(self, head: bytes, *, is_whole: bool) -> Iterator[Mapping[str, Any] | ValueError]:
        lines = head.removeprefix(b"\xef\xbb\xbf").splitlines()
        if not is_whole and not head.endswith((b"\n", b"\r")):
            lines = lines[:-1]
        for line in lines:
            if line.strip():
                yield from _records_of_line(line)

    def leftovers(self, spark: SparkSession, paths: Sequence[str], *, options: Mapping[str, str]) -> DataFrame:
        """Lines with more than one value on them, of which Spark reads the first only."""
        line = F.ltrim(F.col("value"), F.lit(_BYTE_ORDER_MARK))
        is_flat = F.instr(line, "}") == F.length(F.rtrim(line))
        is_clear = (is_flat & ~F.startswith(F.ltrim(line), F.lit("["))) | _is_one_value(line)
        lines = spark.read.options(**options).text(list(paths)).where(~is_clear & (F.trim(line) != ""))
        return lines.select(F.input_file_name().alias("name"), F.col("value").alias("text"))

    def surely_has_no_leftovers(self, chunks: Iterable[bytes]) -> bool:
        """True of flat records: each closing brace ends its line, so a line has one record."""
        last = b"\n"
        for chunk in chunks:
            seam = last + chunk[:1]
            if _BRACE_INSIDE_LINE.search(seam) or _BRACE_INSIDE_LINE.search(chunk):
                return False
            if b"[" in chunk and (b"\n[" in seam or b"\n[" in chunk):
                return False
            last = chunk[-1:]
        return True


def _is_one_value(line: Column) -> Column:
    """Whether the line is one JSON value and nothing else, by what JSON allows around a value.

    As a field's value, only a comma and another field could follow it; as an array's element, only
    a comma and another value. What is fit to be both is followed by neither. The mark tells that
    nothing closed the text early.
    """
    text = F.concat(F.lit('{"field":'), line, F.lit(',"elements":['), line, F.lit('],"mark":true}'))
    return F.coalesce(F.from_json(text, "mark boolean")["mark"], F.lit(False))


def _records_of_line(line: bytes) -> Iterator[Mapping[str, Any] | ValueError]:
    try:
        value = json.loads(line.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        yield error if isinstance(error, ValueError) else ValueError("nested too deeply")
        return
    for record in value if isinstance(value, list) else [value]:
        if isinstance(record, dict):
            yield record
        else:
            yield ValueError("a record must be an object")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _can_overflow(kind: DataType) -> bool:
    match kind:
        case FloatType() | DoubleType():
            return True
        case ArrayType():
            return _can_overflow(kind.elementType)
        case MapType():
            return _can_overflow(kind.valueType)
        case StructType():
            return any(_can_overflow(field.dataType) for field in kind)
        case _:
            return False


def _has_infinity(value: Column, kind: DataType) -> Column:
    """Whether a floating-point number anywhere in the value is infinite."""
    match kind:
        case ArrayType():
            inside = F.exists(value, lambda element: _has_infinity(element, kind.elementType))
        case MapType():
            inside = F.exists(F.map_values(value), lambda element: _has_infinity(element, kind.valueType))
        case StructType():
            inside = F.lit(False)
            for field in kind:
                if _can_overflow(field.dataType):
                    inner = _has_infinity(value.getField(field.name), field.dataType)
                    inside = inside | inner
        case _:
            inside = F.abs(value) == float("inf")
    return F.coalesce(inside, F.lit(False))
