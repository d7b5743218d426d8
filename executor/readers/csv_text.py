"""CSV as Python reads it: the header of a file, and a few of its rows."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_REPLACEMENT = "\ufffd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How values are parted; `escape` equal to `quote` means that two quotes are one."""

    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    comment: str = ""
    null_value: str = ""
    encoding: str = "UTF-8"

    def rows(self, content: bytes, *, is_whole: bool) -> Iterator[list[str]]:
        """The rows in the first bytes of a file, without one that is cut off. Raises ValueError on other encodings."""
        text = self._decoder().decode(content, final=is_whole)
        lines = list(io.StringIO(text, newline=""))
        if not is_whole and lines and not lines[-1].endswith(("\n", "\r")):
            lines.pop()
        if any(_REPLACEMENT in line or "\0" in line for line in lines):
            raise ValueError(f"it is not {self.encoding}")
        kept = (line for line in lines if not self.comment or not line.startswith(self.comment))
        yield from filter(None, self._parsed(kept, is_whole=is_whole))

    def may_be_open(self, chunks: Iterable[bytes]) -> bool:
        """Whether quotes do not pair up; those within values without quotes may be odd, and right."""
        quotes = 0
        for text in self._decoded(chunks):
            quotes += text.count(self.quote)
            if self.escape != self.quote:
                quotes -= text.count(self.escape + self.quote)
        return quotes % 2 == 1

    def check_closed(self, chunks: Iterable[bytes]) -> None:
        """Parses all of a file. Raises ValueError when it ends within a quoted value."""
        lines = (line for text in self._decoded(chunks) for line in io.StringIO(text, newline=""))
        try:
            for _ in self._reader(lines, strict=True):
                pass
        except csv.Error as error:
            raise ValueError(f"a quote in it is not closed ({error})") from error

    def row(self, text: str) -> list[str]:
        """The values of one row."""
        return next(self._reader([text]), [])

    def _parsed(self, lines: Iterator[str], *, is_whole: bool) -> Iterator[list[str]]:
        # One behind: a quoted value may end where the bytes do, in the midst of it.
        last: list[str] | None = None
        for row in self._reader(lines):
            if last is not None:
                yield last
            last = row
        if is_whole and last is not None:
            yield last

    def _decoder(self) -> codecs.IncrementalDecoder:
        is_utf8 = codecs.lookup(self.encoding).name == "utf-8"
        return codecs.getincrementaldecoder("utf-8-sig" if is_utf8 else self.encoding)("replace")

    def _decoded(self, chunks: Iterable[bytes]) -> Iterator[str]:
        decoder = self._decoder()
        yield from map(decoder.decode, chunks)

    def _reader(self, lines: Iterable[str], *, strict: bool = False) -> Iterator[list[str]]:
        is_doubled = self.escape == self.quote
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote,
            doublequote=is_doubled,
            escapechar=None if is_doubled else self.escape,
            strict=strict,
        )


def names_of(header: list[str]) -> list[str]:
    """The names of columns; those without one are named by position. Raises ValueError on one that is there twice."""
    names = [name or f"_c{position}" for position, name in enumerate(header)]
    seen: set[str] = set()
    for name in names:
        if name.lower() in seen:
            raise ValueError(f"its header has `{name}` twice")
        seen.add(name.lower())
    return names
