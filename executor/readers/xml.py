"""XML: an element a record."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from xml.etree.ElementTree import Element, ParseError, tostring

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from executor.lease import Format
from executor.readers.decimals import as_read, exact
from executor.readers.json_text import misfit
from executor.readers.leaves import any_infinity
from executor.readers.lexical import value_of
from executor.readers.paths import load
from executor.readers.reader import Layout, Record
from executor.readers.repeats import Repeats
from executor.readers.untyped import Untyped
from executor.readers.xml_names import XmlParser
from executor.schema.infer import infer
from executor.schema.observed import Fields, all_of, of_records
from executor.schema.types import DEPTH_MAX
from executor.schema.words import Column
from executor.sql import quoted


class Xml(Untyped):
    """An element that is there twice where its column holds one value rejects its record: Spark would keep the last."""

    rewrites_texts = True

    def __init__(self, format: Format) -> None:
        options = {name: str(value) for name, value in format.options.items()}
        self._row_tag = options["row_tag"]
        self._prefix = options.get("attribute_prefix", "_")
        self._value_tag = options.get("value_tag", "_VALUE")
        self._options = {
            **format.reader_options,
            "rowTag": self._row_tag,
            "attributePrefix": self._prefix,
            "valueTag": self._value_tag,
        }

    def read(
        self,
        spark: SparkSession,
        paths: Sequence[str],
        *,
        schema: StructType,
        rejected: str,
        options: Mapping[str, str],
        layout: Layout | None = None,
    ) -> DataFrame:
        repeats = Repeats(can_repeat=self._is_element)
        read_as = as_read(schema, self._options)
        widened = repeats.widened(read_as)
        reader = (
            spark.read.format("xml")
            .schema(StructType([*widened.fields, StructField(rejected, StringType())]))
            .options(mode="PERMISSIVE", columnNameOfCorruptRecord=rejected, **self._options, **options)
        )
        rows = load(spark, reader, paths)
        raw = F.to_json(F.struct(*(F.col(quoted(name)) for name in schema.names)))
        unread = F.when(repeats.any_repeated(read_as), raw)
        if (overflowed := any_infinity(widened)) is not None:
            unread = F.coalesce(unread, F.when(overflowed, raw))
        rows = rows.select(
            *(repeats.single(F.col(quoted(field.name)), field).alias(field.name) for field in read_as),
            F.coalesce(F.col(quoted(rejected)), unread).alias(rejected),
        )
        return exact(rows, schema, rejected=rejected, options=self._options, is_empty_null=True)

    def texts(self, chunks: Iterable[bytes], numbers: Collection[int]) -> Mapping[int, str]:
        """Spark gives the text of the whole file for that of a record."""
        parser = XmlParser()
        found: dict[int, str] = {}
        number = 0
        try:
            for chunk in chunks:
                parser.feed(chunk)
                for element in self._elements_of(parser):
                    number += 1
                    if number in numbers:
                        found[number] = tostring(element, encoding="unicode").strip()
            parser.close()
        except ParseError as error:
            raise ValueError(str(error)) from error
        return found

    def records(self, head: bytes, *, is_whole: bool) -> Iterator[Record | ValueError]:
        parser = XmlParser()
        try:
            parser.feed(head)
            if is_whole and head:
                parser.close()
        except ParseError as error:
            yield ValueError(str(error))
            return
        yield from self._records_of(parser)

    def guess(self, records: Iterable[Record]) -> tuple[Column, ...]:
        """What is there several times in one record is an array in all."""
        found = list(records)
        repeated = set(_repeated(found))
        return infer(record for each in found if isinstance(record := _listed(each, repeated), dict))

    def fields(self, chunks: Iterable[bytes]) -> Fields:
        parser = XmlParser()
        return all_of(self._fields_fed(parser, chunk) for chunk in chunks)

    def count_at_a_glance(self, chunks: Iterable[bytes]) -> int | None:
        return None

    def reason(self, text: str, types: Mapping[str, str], *, layout: Layout | None) -> str:
        if text.startswith("{"):
            return "an element is there more than once, or a number is more than its column can hold"
        for record in self.records(text.encode(), is_whole=True):
            if isinstance(record, ValueError):
                return f"it is not well-formed XML ({record})"
            if found := misfit(record, types):
                return found
        return "a value does not fit its column"

    def _fields_fed(self, parser: XmlParser, chunk: bytes) -> Fields:
        try:
            parser.feed(chunk)
        except ParseError as error:
            raise ValueError(str(error)) from error
        return of_records(self._records_of(parser))

    def _records_of(self, parser: XmlParser) -> Iterator[Record]:
        for element in self._elements_of(parser):
            record = self._value(element)
            yield record if isinstance(record, dict) else {self._value_tag: record}

    def _elements_of(self, parser: XmlParser) -> Iterator[Element]:
        """The elements of records that are whole by now; they are forgotten."""
        for element in parser.elements():
            if element.tag == self._row_tag:
                yield element
                element.clear()

    def _is_element(self, name: str) -> bool:
        return not name.startswith(self._prefix) and name != self._value_tag

    def _value(self, element: Element, *, depth: int = 0) -> object:
        """An element as Spark has it: a struct of attributes and elements, or the text of one without either.

        `depth` elements of the record are around it; what would nest too deep in them is text, with its tags.
        """
        text = (element.text or "").strip()
        if not element.attrib and not len(element):
            return value_of(text, null_value="")
        if depth >= DEPTH_MAX:
            return f"<{element.tag}>"
        fields: dict[str, object] = {
            f"{self._prefix}{name}": value_of(value, null_value="") for name, value in element.attrib.items()
        }
        for child in element:
            value = self._value(child, depth=depth + 1)
            known = fields.get(child.tag)
            if child.tag not in fields:
                fields[child.tag] = value
            elif isinstance(known, list):
                known.append(value)
            else:
                fields[child.tag] = [known, value]
        if text:
            fields[self._value_tag] = value_of(text, null_value="")
        return fields


def _repeated(values: Iterable[object], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Paths of what is there several times."""
    for value in values:
        if isinstance(value, list):
            yield path
            yield from _repeated(value, path)
        elif isinstance(value, Mapping):
            for name, inner in value.items():
                yield from _repeated([inner], (*path, name))


def _listed(value: object, repeated: set[tuple[str, ...]], path: tuple[str, ...] = ()) -> object:
    """The value with lists at these paths."""
    if isinstance(value, list):
        return [_listed(inner, repeated, path) for inner in value]
    if isinstance(value, Mapping):
        return {name: _within(inner, repeated, (*path, name)) for name, inner in value.items()}
    return value


def _within(value: object, repeated: set[tuple[str, ...]], path: tuple[str, ...]) -> object:
    listed = _listed(value, repeated, path)
    return [listed] if path in repeated and not isinstance(listed, list) else listed
