"""Which reader a format has."""

from __future__ import annotations

from collections.abc import Sequence

from executor.errors import attempt_failed
from executor.lease import Category, Format
from executor.readers.columnar import Avro, Orc, Parquet
from executor.readers.csv import Csv
from executor.readers.json_documents import JsonDocuments
from executor.readers.json_lines import JsonLines
from executor.readers.reader import Reader
from executor.readers.text import Text
from executor.readers.xml import Xml
from executor.schema.words import Column


def reader_of(format: Format, columns: Sequence[Column]) -> Reader:
    """The reader; `columns` are those known so far, which name those of files that do not."""
    match format.kind:
        case "json" if format.options.get("multi_line"):
            return JsonDocuments(format.reader_options)
        case "json":
            return JsonLines(format.reader_options)
        case "csv":
            return Csv(format, names=[column.name for column in columns])
        case "parquet":
            return Parquet()
        case "avro":
            return Avro()
        case "orc":
            return Orc()
        case "text":
            return Text(whole_file=bool(format.options.get("whole_file")))
        case "xml":
            return Xml(format)
    raise attempt_failed(
        Category.FORMAT_OPTIONS_INVALID,
        f"The executor is older than the control plane and does not read {format.kind}. Upgrade it.",
        retryable=False,
    )
