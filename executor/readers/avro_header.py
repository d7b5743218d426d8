"""The header of an Avro container file, by the Avro specification's "Object Container Files"."""

from __future__ import annotations

from typing import BinaryIO

_MAGIC = b"Obj\x01"
_BYTES_MAX = 16 << 20


def read_header(content: BinaryIO) -> dict[str, bytes]:
    """The metadata of the file. Raises ValueError when it has no such header."""
    if content.read(len(_MAGIC)) != _MAGIC:
        raise ValueError("it does not begin as Avro files do")
    metadata: dict[str, bytes] = {}
    while count := _read_long(content):
        if count < 0:
            # The size of the block follows, for those who skip it.
            count = -count
            _read_long(content)
        for _ in range(count):
            key = _read_bytes(content).decode()
            metadata[key] = _read_bytes(content)
    return metadata


def _read_bytes(content: BinaryIO) -> bytes:
    length = _read_long(content)
    if not 0 <= length <= _BYTES_MAX:
        raise ValueError("its header is broken")
    found = content.read(length)
    if len(found) != length:
        raise ValueError("its header ends too early")
    return found


def _read_long(content: BinaryIO) -> int:
    """A zig-zag number of seven bits a byte."""
    number, shift = 0, 0
    while shift < 64:
        byte = content.read(1)
        if not byte:
            raise ValueError("its header ends too early")
        number |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return (number >> 1) ^ -(number & 1)
        shift += 7
    raise ValueError("its header is broken")
