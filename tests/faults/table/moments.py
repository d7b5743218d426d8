"""What a test does while a service waits at one of its points."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

# What is done; a string that it answers is what the service then does there: `kill`, `raise` or `sleep SECONDS`.
Act = Callable[[], Awaitable[str | None]]
Moment = tuple[Act, "asyncio.Future[None]"]


class Moments:
    """One service's points, run under `tests.faults.armed`; it goes on when the test has acted."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self._awaited: dict[str, Moment] = {}

    def at(self, point: str, act: Act) -> asyncio.Future[None]:
        """Has the test act at the next pass of a point. The future tells that it did, or raises what stopped it."""
        acted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._awaited[point] = act, acted
        return acted

    def forget(self) -> None:
        """Expects nothing any more."""
        self._awaited.clear()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        point = (await reader.readline()).decode().strip()
        moment = self._awaited.pop(point, None)
        answer = await _acted(moment) if moment else ""
        writer.write(f"{answer}\n".encode())
        writer.close()


async def _acted(moment: Moment) -> str:
    act, acted = moment
    try:
        answer = await act()
    except Exception as error:
        acted.set_exception(error)
        return ""
    acted.set_result(None)
    return answer or ""


@asynccontextmanager
async def moments() -> AsyncIterator[Moments]:
    """Moments of a service that finds their socket, until the block ends."""
    # Not in pytest's folders: the name of a socket has 107 characters at most.
    with tempfile.TemporaryDirectory() as folder:
        them = Moments(Path(folder) / "moments")
        async with await asyncio.start_unix_server(them.answer, them.socket):
            yield them
