"""Compressed files, which are known by the ends of their names."""

from __future__ import annotations

import bz2
import gzip
import io
import zlib
from typing import BinaryIO, cast

import pyarrow

_SUFFIXES = (".gz", ".bz2", ".zst", ".lz4", ".snappy", ".deflate")
_CHUNK_BYTES = 1 << 20


def is_compressed(uri: str) -> bool:
    return uri.endswith(_SUFFIXES)


def decompressed(uri: str, head: bytes, size_bytes: int, bytes_max: int) -> tuple[bytes, bool]:
    """The text in the first bytes of a file, at most as much again, and whether it is all of it.

    Of a compression that Python does not know, nothing. Raises ValueError on what is not compressed so.
    """
    if not is_compressed(uri):
        return head, len(head) >= size_bytes
    if uri.endswith(".zst"):
        return _unzstd(head, bytes_max)
    if not uri.endswith((".gz", ".bz2")):
        return b"", False
    inflater = zlib.decompressobj(wbits=31) if uri.endswith(".gz") else bz2.BZ2Decompressor()
    try:
        text = inflater.decompress(head, bytes_max)
    except (zlib.error, OSError) as error:
        raise ValueError(f"it is not compressed as its name says: {error}") from error
    return text, inflater.eof and not inflater.unused_data


def opened(uri: str, stream: BinaryIO) -> BinaryIO:
    """The decompressed content; of a compression that Python does not know, nothing. Raises OSError or EOFError."""
    if not is_compressed(uri):
        return stream
    if uri.endswith(".gz"):
        return cast(BinaryIO, gzip.GzipFile(fileobj=stream))
    if uri.endswith(".bz2"):
        return cast(BinaryIO, bz2.BZ2File(stream))
    if uri.endswith(".zst"):
        return cast(BinaryIO, pyarrow.CompressedInputStream(pyarrow.PythonFile(stream, "r"), "zstd"))
    return io.BytesIO()


def check_bzip2(content: BinaryIO) -> None:
    """Reads it all. Spark passes over what is no bzip2, and over a block that is missing. Raises ValueError."""
    inflater = bz2.BZ2Decompressor()
    is_begun = False
    while chunk := content.read(_CHUNK_BYTES):
        while chunk:
            if inflater.eof:
                inflater = bz2.BZ2Decompressor()
            try:
                inflater.decompress(chunk)
            except OSError as error:
                raise ValueError(f"it is not bzip2: {error}") from error
            is_begun = True
            chunk = inflater.unused_data
    if is_begun and not inflater.eof:
        raise ValueError("it ends too early")


def _unzstd(head: bytes, bytes_max: int) -> tuple[bytes, bool]:
    stream = pyarrow.CompressedInputStream(pyarrow.BufferReader(head), "zstd")
    text = io.BytesIO()
    try:
        while text.tell() < bytes_max and (part := stream.read(min(_CHUNK_BYTES, bytes_max))):
            text.write(part)
    except (pyarrow.ArrowException, OSError) as error:
        if not text.tell():
            raise ValueError(f"it is not zstd: {error}") from error
    # Whether more frames follow cannot be told.
    return text.getvalue()[:bytes_max], False
