"""The test's end of the failpoints: which there are, which were passed, and what is to happen at one of them."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
_CALL = re.compile(r'\bfailpoint\("([\w.]+)"\)')


class Failpoints:
    """One service's points. What is armed happens at the next pass, once."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.passed: set[str] = set()
        self._armed: dict[str, tuple[str, asyncio.Event]] = {}

    def arm(self, point: str, action: str) -> asyncio.Event:
        """Has `kill`, `raise` or `sleep SECONDS` happen at the next pass of a point; the event says that it does."""
        happens = asyncio.Event()
        self._armed[point] = action, happens
        return happens

    def disarm(self) -> None:
        self._armed.clear()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        point = (await reader.readline()).decode().strip()
        self.passed.add(point)
        action, happens = self._armed.pop(point, ("", None))
        writer.write(f"{action}\n".encode())
        writer.close()
        if happens:
            happens.set()


@asynccontextmanager
async def failpoints() -> AsyncIterator[Failpoints]:
    """Points that a service reaches by their socket, until the block ends."""
    # Not in pytest's folders: the name of a socket has 107 characters at most.
    with tempfile.TemporaryDirectory() as folder:
        points = Failpoints(Path(folder) / "points")
        async with await asyncio.start_unix_server(points.answer, points.socket):
            yield points


def points_in(package: str) -> list[str]:
    """The points that are named in the code of a service."""
    texts = [path.read_text() for path in sorted((ROOT / package).rglob("*.py"))]
    return sorted({name for text in texts for name in _CALL.findall(text)})
