"""Reads JSON from its text, so that a record that is rejected keeps its own."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StringType, StructField, StructType, VariantType

from executor.readers.decimals import as_text, with_decimals
from executor.readers.json_text import BYTE_ORDER_MARK
from executor.readers.leaves import any_infinity, has_inexact
from executor.sql import quoted

_BLANKS = " \t\r\n"
_TEXT = "__autoloader_text"
_VALUE = "__autoloader_value"
_JSON = "__autoloader_json"


def trimmed(text: Column) -> Column:
    """The text without what may be around a value."""
    return F.btrim(F.ltrim(text, F.lit(BYTE_ORDER_MARK)), F.lit(_BLANKS))


def rows_of_texts(
    texts: DataFrame, *, schema: StructType, rejected: str, record: str, options: Mapping[str, str]
) -> DataFrame:
    """Rows of texts that are an object each, or an array of objects.

    `texts` has the `text` and whether it `is_clear` where its value ends. Its `number` is the record's, or null: then
    an element's place is. A text that is neither is a record, and rejected.
    """
    read = StructType([*schema.fields, StructField(rejected, StringType())])
    decimals = with_decimals(schema, options)
    how = {**options, "mode": "PERMISSIVE", "columnNameOfCorruptRecord": rejected}
    text = F.col("text")
    is_json = F.col("is_clear") & F.is_valid_utf8(text)
    nothing = F.lit(None)
    # It keeps the digits of numbers, where a string of Spark's has those of a floating one.
    json = F.try_parse_json(text) if decimals.fields else nothing.cast("variant")
    objects = F.array(_record(F.from_json(text, read, how), text, json))
    elements = _elements(text, schema, rejected=rejected, how=how)
    records = F.when(is_json & F.startswith(text, F.lit("{")), objects)
    records = records.when(is_json & F.startswith(text, F.lit("[")), elements)
    neither = F.array(_record(nothing.cast(read), text, nothing.cast("variant")))
    found = texts.select(F.posexplode(F.coalesce(records, neither)).alias("place", "found"), "number")
    number = F.coalesce(F.col("number"), F.col("place") + 1).cast("bigint")
    rows = found.select(
        F.col("found.value").alias(_VALUE),
        F.col("found.text").alias(_TEXT),
        F.col("found.json").alias(_JSON),
        number.alias(record),
    )
    rows = rows.select(f"{_VALUE}.*", record, _TEXT, _VALUE, _JSON)
    unread = F.col(_VALUE).isNull() | F.col(quoted(rejected)).isNotNull()
    if (overflowed := any_infinity(schema)) is not None:
        unread = unread | overflowed
    if decimals.fields:
        unread = unread | has_inexact(F.col(_JSON).try_cast(as_text(decimals)), decimals)
    return rows.withColumn(rejected, F.when(unread, F.col(_TEXT))).drop(_TEXT, _VALUE, _JSON)


def _record(value: Column, text: Column, json: Column) -> Column:
    return F.struct(value.alias("value"), text.alias("text"), json.alias("json"))


def _elements(text: Column, schema: StructType, *, rejected: str, how: Mapping[str, str]) -> Column:
    """The records of an array; null where not all of its elements are objects.

    Spark reads the elements, and does not say which of them have something that it could not read. So each is written
    as text once more, to be looked at alone.
    """
    read = StructType([*schema.fields, StructField(rejected, StringType())])

    def looked_at(value: Column, element: Column) -> Column:
        alone = F.from_json(element.cast("string"), read, dict(how))
        fields = (value[field.name].alias(field.name) for field in schema)
        whole = F.struct(*fields, F.lit(None).cast("string").alias(rejected))
        written = F.coalesce(element.cast("string"), F.lit("null"))
        return _record(F.when(value.isNotNull() & alone[rejected].isNull(), whole), written, element)

    values = F.from_json(text, ArrayType(schema), dict(how))
    return F.zip_with(values, F.from_json(text, ArrayType(VariantType()), dict(how)), looked_at)
