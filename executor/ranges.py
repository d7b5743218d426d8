"""An object of a store as a file: from its start to its end, or here and there."""

from __future__ import annotations

import io
from collections.abc import Callable

from botocore.exceptions import BotoCoreError
from botocore.response import StreamingBody

# Footers of most files fit, and one request costs as much as the bytes.
_PART_BYTES = 128 << 10


class Body(io.RawIOBase):
    """Reads once through; raises what `trouble` makes of an error."""

    def __init__(self, body: StreamingBody, *, trouble: Callable[[Exception], Exception]) -> None:
        self._body = body
        self._trouble = trouble

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        try:
            return self._body.read(None if size < 0 else size)
        except (BotoCoreError, OSError) as error:
            raise self._trouble(error) from error

    def close(self) -> None:
        self._body.close()
        super().close()


class Ranges(io.RawIOBase):
    """Reads by `fetch(start, bytes_max)`; keeps the part that it fetched last."""

    def __init__(self, fetch: Callable[[int, int], bytes], *, size: int) -> None:
        self._fetch = fetch
        self._size = size
        self._position = 0
        self._part, self._part_start = b"", 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int = -1) -> bytes:
        wanted = max(0, self._size - self._position)
        wanted = wanted if size < 0 else min(size, wanted)
        if not wanted:
            return b""
        offset = self._position - self._part_start
        if not 0 <= offset <= offset + wanted <= len(self._part):
            self._load(wanted)
            offset = self._position - self._part_start
        found = self._part[offset : offset + wanted]
        self._position += len(found)
        return found

    def _load(self, wanted: int) -> None:
        """Near its end, the end of the object: a footer is read backwards."""
        length = max(wanted, _PART_BYTES)
        self._part_start = min(self._position, max(0, self._size - length))
        self._part = self._fetch(self._part_start, length)
