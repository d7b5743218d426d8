"""Runs a blocking generator in a thread of its own, one item ahead of who consumes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


async def one_ahead(items: Generator[Item, None, None]) -> AsyncGenerator[Item, None]:
    """Gives the items of the generator; at most one is ready that was not asked for.

    When the consumer stops, the generator is closed in its thread, and the thread ends with the
    step that it is in: nobody waits for it, so no step may block for ever.
    """
    loop = asyncio.get_running_loop()
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="source")
    upcoming = loop.run_in_executor(thread, next, items, None)
    try:
        while (item := await upcoming) is not None:
            upcoming = loop.run_in_executor(thread, next, items, None)
            yield item
    finally:
        upcoming.cancel()
        thread.submit(items.close)
        thread.shutdown(wait=False)
