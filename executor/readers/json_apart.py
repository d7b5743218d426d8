"""Reads JSON from its text, so that a record that is rejected keeps its own."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StringType, StructField, StructType, VariantType

from executor.readers.json_text import BYTE_ORDER_MARK
from executor.readers.leaves import any_infinity
from executor.sql import quoted

_BLANKS = " \t\r\n"
_TEXT = "__autoloader_text"
_VALUE = "__autoloader_value"


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
    how = {**options, "mode": "PERMISSIVE", "columnNameOfCorruptRecord": rejected}
    text = F.col("text")
    is_json = F.col("is_clear") & F.is_valid_utf8(text)
    records = F.when(
        is_json & F.startswith(text, F.lit("{")), F.array(_record(F.from_json(text, read, how), text))
    ).when(is_json & F.startswith(text, F.lit("[")), _elements(text, schema, rejected=rejected, how=how))
    neither = F.array(_record(F.lit(None).cast(read), text))
    found = texts.select(F.posexplode(F.coalesce(records, neither)).alias("place", "found"), "number")
    number = F.coalesce(F.col("number"), F.col("place") + 1).cast("bigint")
    rows = found.select(F.col("found.value").alias(_VALUE), F.col("found.text").alias(_TEXT), number.alias(record))
    rows = rows.select(f"{_VALUE}.*", record, _TEXT, _VALUE)
    unread = F.col(_VALUE).isNull() | F.col(quoted(rejected)).isNotNull()
    if (overflowed := any_infinity(schema)) is not None:
        unread = unread | overflowed
    return rows.withColumn(rejected, F.when(unread, F.col(_TEXT))).drop(_TEXT, _VALUE)


def _record(value: Column, text: Column) -> Column:
    return F.struct(value.alias("value"), text.alias("text"))


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
        return _record(F.when(value.isNotNull() & alone[rejected].isNull(), whole), written)

    values = F.from_json(text, ArrayType(schema), dict(how))
    return F.zip_with(values, F.from_json(text, ArrayType(VariantType()), dict(how)), looked_at)
