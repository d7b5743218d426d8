"""The test's end of the failpoints: which there are, which were passed, and what is to happen at one of them."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.e2e.services import Service
from tests.faults.armed import SOCKET_VARIABLE

ROOT = Path(__file__).parents[2]
WAIT = "wait"
_CALL = re.compile(r'\bfailpoint\("([\w.]+)"\)')


class Failpoints:
    """One service's points. What is armed happens at the next pass, once."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.passed: set[str] = set()
        self._armed: dict[str, tuple[str, asyncio.Event]] = {}
        self._waiting: dict[str, list[asyncio.Event]] = {}

    def govern(self, service: Service) -> None:
        """Has a service pass these points from its next start on."""
        service.run_under("tests.faults.armed", **{SOCKET_VARIABLE: str(self.socket)})

    def arm(self, point: str, action: str) -> asyncio.Event:
        """Has an action happen at the next pass of a point; the event says that it does.

        `kill`, `raise`, `sleep SECONDS`, or `wait` until it is released. At a point after an effect (`after_stage`),
        `raise` is do-then-raise: the effect happened, and whoever asked for it is told that it failed.
        """
        happens = asyncio.Event()
        self._armed[point] = action, happens
        return happens

    def release(self, point: str) -> None:
        """Lets go on who waits at a point, and who would have."""
        if self._armed.get(point, ("",))[0] == WAIT:
            del self._armed[point]
        for told in self._waiting.pop(point, ()):
            told.set()

    def disarm(self) -> None:
        """Has nothing happen any more, and nobody wait."""
        self._armed.clear()
        for point in list(self._waiting):
            self.release(point)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        point = (await reader.readline()).decode().strip()
        self.passed.add(point)
        action, happens = self._armed.pop(point, ("", None))
        told = asyncio.Event()
        if action == WAIT:
            self._waiting.setdefault(point, []).append(told)
        writer.write(f"{action}\n".encode())
        if happens:
            happens.set()
        if action == WAIT:
            await told.wait()
        writer.close()


@asynccontextmanager
async def failpoints() -> AsyncIterator[Failpoints]:
    """Points that a service reaches by their socket, until the block ends."""
    # Not in pytest's folders: the name of a socket has 107 characters at most.
    with tempfile.TemporaryDirectory() as folder:
        points = Failpoints(Path(folder) / "points")
        async with await asyncio.start_unix_server(points.answer, points.socket):
            try:
                yield points
            finally:
                points.disarm()


def points_in(package: str) -> list[str]:
    """The points that are named in the code of a service."""
    texts = [path.read_text() for path in sorted((ROOT / package).rglob("*.py"))]
    return sorted({name for text in texts for name in _CALL.findall(text)})
