"""What goes on beside a block of code, and ends with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def going_on(*duties: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Duties that end by being cancelled. One that broke meanwhile breaks the block at its end."""
    tasks = [asyncio.create_task(duty) for duty in duties]
    try:
        yield
    finally:
        broken = [task for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in broken:
            task.result()
