"""How files are read: a kind, the options of that kind, and what can be said about them without a file."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from control_plane.errors import Violation

VALUE_CHARACTERS_MAX = 200


class FormatKind(StrEnum):
    """Kinds of files; in lower case, the names that the API has for them."""

    JSON = "JSON"
    CSV = "CSV"
    PARQUET = "PARQUET"
    AVRO = "AVRO"
    ORC = "ORC"
    XML = "XML"
    TEXT = "TEXT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A kind, and the options that are set: those of the kind by their names in the API, and Spark's own."""

    kind: FormatKind
    options: Mapping[str, str | bool] = field(default_factory=dict)
    reader_options: Mapping[str, str] = field(default_factory=dict)


ENCODINGS = ("UTF-8", "ISO-8859-1", "windows-1252", "UTF-16", "UTF-16LE", "UTF-16BE")
_TIMES = frozenset({"dateFormat", "timestampFormat", "timestampNTZFormat", "timeZone", "locale"})
_ALLOWED = {
    FormatKind.JSON: _TIMES,
    FormatKind.CSV: _TIMES | {"nanValue", "emptyValue", "ignoreLeadingWhiteSpace", "ignoreTrailingWhiteSpace"},
    FormatKind.XML: _TIMES,
}
# Options that people bring from Spark, and where they are here.
_ELSEWHERE = {
    "mode": "a file with a row that cannot be read is not loaded, and says so",
    "multiline": "use the format's own `multi_line`",
    "sep": "use `csv.delimiter`",
    "delimiter": "use `csv.delimiter`",
    "quote": "use `csv.quote`",
    "escape": "use `csv.escape`",
    "header": "use `csv.header`",
    "nullvalue": "use `csv.null_value`",
    "encoding": "use `csv.encoding`",
    "charset": "use `csv.encoding`",
    "comment": "use `csv.comment`",
    "rowtag": "use `xml.row_tag`",
    "attributeprefix": "use `xml.attribute_prefix`",
    "valuetag": "use `xml.value_tag`",
    "wholetext": "use `text.whole_file`",
    "inferschema": "columns are inferred once, unless `schema.columns` declares them",
    "mergeschema": "columns are those of all files already",
    "pathglobfilter": "use `source.pattern`",
    "recursivefilelookup": "use `source.pattern`",
    "ignorecorruptfiles": "it would load half a broken file as if it were whole",
    "ignoremissingfiles": "it would load a file that is gone as if it were empty",
}


def check_format(format: Format) -> Iterator[Violation]:
    """Yields what is wrong with a format's options, by field path in the ingestion."""
    where = f"format.{format.kind.lower()}"
    for name, check in _CHECKS.get(format.kind, {}).items():
        value = format.options.get(name)
        if value is not None and (trouble := check(str(value))):
            yield Violation(f"{where}.{name}", trouble)
    if format.kind is FormatKind.CSV:
        yield from _check_distinct(format, where)
        yield from _check_encoding(format, where)
    if format.kind is FormatKind.XML and not format.options.get("row_tag"):
        yield Violation(f"{where}.row_tag", "is missing; name the element that is a record")
    for name, value in format.reader_options.items():
        yield from _check_reader_option(format.kind, name, value)


def _check_encoding(format: Format, where: str) -> Iterator[Violation]:
    encoding = str(format.options.get("encoding", "UTF-8"))
    if not _encoding(encoding) and codecs.lookup(encoding).name.startswith("utf-16") and _is_cut(format):
        yield Violation(f"{where}.encoding", f'"{encoding}" cannot be read with multi_line false; leave that out')


def _is_cut(format: Format) -> bool:
    """Whether large files are cut into parts at line ends, by their bytes."""
    return not format.options.get("multi_line", True)


def _check_distinct(format: Format, where: str) -> Iterator[Violation]:
    signs = {name: format.options.get(name, default) for name, default in _SIGNS.items()}
    taken: dict[object, str] = {}
    for name, sign in signs.items():
        if sign in taken:
            yield Violation(f"{where}.{name}", f'"{sign}" is the {taken[sign]} too; they must differ')
        elif sign:
            taken[sign] = name


def _check_reader_option(kind: FormatKind, name: str, value: str) -> Iterator[Violation]:
    allowed = _ALLOWED.get(kind, frozenset())
    if name not in allowed:
        known = f"allowed for {kind.lower()} are {', '.join(sorted(allowed)) or 'none'}"
        remedy = _ELSEWHERE.get(name.lower(), known)
        yield Violation("format.reader_options", f'"{name[:100]}" is not allowed: {remedy}')
    elif len(value) > VALUE_CHARACTERS_MAX or _CONTROL.search(value):
        yield Violation(
            "format.reader_options",
            f'the value of "{name}" has a control character, or more than {VALUE_CHARACTERS_MAX} characters',
        )


def _sign(value: str) -> str:
    return "" if len(value) == 1 and value not in "\r\n\0" else f"{value!r} is not one character"


def _encoding(value: str) -> str:
    known = {codecs.lookup(name).name for name in ENCODINGS}
    try:
        found = codecs.lookup(value).name if value.isascii() else ""
    except LookupError:
        found = ""
    return "" if found in known else f'"{value[:100]}" is not known; use {", ".join(ENCODINGS)}'


def _short(value: str) -> str:
    if len(value) > VALUE_CHARACTERS_MAX or _CONTROL.search(value):
        return f"has a control character, or more than {VALUE_CHARACTERS_MAX} characters"
    return ""


def _name(value: str) -> str:
    return "" if re.fullmatch(r"[\w.:-]{1,200}", value) else f"{value[:100]!r} is no name of an element"


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SIGNS = {"delimiter": ",", "quote": '"', "comment": ""}
_CHECKS: dict[FormatKind, dict[str, Callable[[str], str]]] = {
    FormatKind.CSV: {
        "delimiter": _sign,
        "quote": _sign,
        "escape": _sign,
        "comment": _sign,
        "null_value": _short,
        "encoding": _encoding,
    },
    FormatKind.XML: {"row_tag": _name, "attribute_prefix": _short, "value_tag": _name},
}
