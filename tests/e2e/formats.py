"""The base records as files of every format, and the format as the API has it."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

import pyarrow
from autoloader.v1 import ingestions_pb2 as pb
from pyarrow import orc, parquet

from tests.e2e.records import ids_of_file, record

Record = Mapping[str, Any]
_AVRO_FIELDS = {"id": "long", "timestamp": "string", "user_id": "string", "event_type": "string", "value": "double"}
_SYNC = bytes(range(16))


@dataclass(frozen=True)
class FileKind:
    """A format, the end of its files' names, and how to write one."""

    suffix: str
    format: pb.Format
    write: Callable[[Sequence[Record]], bytes]

    def content_of_file(self, number: int) -> bytes:
        return self.write([record(id) for id in ids_of_file(number)])


def _lines(records: Sequence[Record]) -> bytes:
    return "".join(f"{json.dumps(each)}\n" for each in records).encode()


def _document(records: Sequence[Record]) -> bytes:
    return json.dumps(list(records)).encode()


def _csv(records: Sequence[Record]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(records[0]))
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().encode()


def _xml(records: Sequence[Record]) -> bytes:
    root = Element("events")
    for each in records:
        row = SubElement(root, "event")
        for name, value in each.items():
            SubElement(row, name).text = str(value)
    return tostring(root)


def _parquet(records: Sequence[Record]) -> bytes:
    content = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist([dict(each) for each in records]), content)
    return content.getvalue()


def _orc(records: Sequence[Record]) -> bytes:
    content = io.BytesIO()
    orc.write_table(pyarrow.Table.from_pylist([dict(each) for each in records]), content)
    return content.getvalue()


def _avro(records: Sequence[Record]) -> bytes:
    """A container file of one block, by the Avro specification."""
    fields = [{"name": name, "type": kind} for name, kind in _AVRO_FIELDS.items()]
    schema = json.dumps({"type": "record", "name": "event", "fields": fields}).encode()
    metadata = _long(1) + _bytes(b"avro.schema") + _bytes(schema) + _long(0)
    block = b"".join(_value(each[name], kind) for each in records for name, kind in _AVRO_FIELDS.items())
    return b"Obj\x01" + metadata + _SYNC + _long(len(records)) + _bytes(block) + _SYNC


def _value(value: Any, kind: str) -> bytes:
    match kind:
        case "long":
            return _long(value)
        case "double":
            return struct.pack("<d", value)
        case _:
            return _bytes(value.encode())


def _bytes(content: bytes) -> bytes:
    return _long(len(content)) + content


def _long(number: int) -> bytes:
    zigzag, content = (number << 1) ^ (number >> 63), bytearray()
    while zigzag >= 0x80:
        content.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    return bytes([*content, zigzag])


def _zstd(records: Sequence[Record]) -> bytes:
    content: bytes = pyarrow.Codec("zstd").compress(_lines(records), asbytes=True)
    return content


_JSON = pb.Format(json=pb.JsonFormat())
FILE_KINDS = {
    "json.gz": FileKind("json.gz", _JSON, lambda records: gzip.compress(_lines(records))),
    "json.bz2": FileKind("json.bz2", _JSON, lambda records: bz2.compress(_lines(records))),
    "json.zst": FileKind("json.zst", _JSON, _zstd),
    "json documents": FileKind("json", pb.Format(json=pb.JsonFormat(multi_line=True)), _document),
    "csv": FileKind("csv", pb.Format(csv=pb.CsvFormat()), _csv),
    "csv.gz": FileKind("csv.gz", pb.Format(csv=pb.CsvFormat()), lambda records: gzip.compress(_csv(records))),
    "xml": FileKind("xml", pb.Format(xml=pb.XmlFormat(row_tag="event")), _xml),
    "parquet": FileKind("parquet", pb.Format(parquet=pb.ParquetFormat()), _parquet),
    "avro": FileKind("avro", pb.Format(avro=pb.AvroFormat()), _avro),
    "orc": FileKind("orc", pb.Format(orc=pb.OrcFormat()), _orc),
}
