"""A blocking generator in a thread: one item ahead, and gone when nobody wants more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from contextlib import aclosing

import pytest

from control_plane.sources.one_ahead import one_ahead

PATIENCE_SECONDS = 10


def source_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("source")]


async def join_source_threads() -> None:
    for thread in source_threads():
        await asyncio.to_thread(thread.join, PATIENCE_SECONDS)
    assert source_threads() == []


async def test_all_items_come_in_their_order() -> None:
    numbers = (number for number in range(100))
    assert [number async for number in one_ahead(numbers)] == list(range(100))
    await join_source_threads()


async def test_it_works_one_item_ahead_and_no_more() -> None:
    made: list[int] = []
    second_is_made = threading.Event()

    def numbers() -> Generator[int, None, None]:
        for number in range(1, 10):
            made.append(number)
            if number == 2:
                second_is_made.set()
            yield number

    async with aclosing(one_ahead(numbers())) as items:
        assert await anext(items) == 1
        assert await asyncio.to_thread(second_is_made.wait, PATIENCE_SECONDS)
        assert made == [1, 2]
    await join_source_threads()


async def test_an_error_comes_after_the_items_before_it() -> None:
    def breaking() -> Generator[int, None, None]:
        yield 1
        raise RuntimeError("the store broke")

    items = one_ahead(breaking())
    assert await anext(items) == 1
    with pytest.raises(RuntimeError, match="the store broke"):
        await anext(items)
    await join_source_threads()


async def test_leaving_early_closes_the_generator_in_its_thread() -> None:
    closed_in: list[str] = []

    def numbers() -> Generator[int, None, None]:
        try:
            yield from range(1, 1_000_000)
        finally:
            closed_in.append(threading.current_thread().name)

    held = numbers()
    async with aclosing(one_ahead(held)) as items:
        await anext(items)
    await join_source_threads()
    assert [name.startswith("source") for name in closed_in] == [True]


async def test_a_cancelled_consumer_does_not_wait_for_a_hanging_step_and_leaks_nothing() -> None:
    hanging, answered = threading.Event(), threading.Event()
    closed = threading.Event()

    def hangs() -> Generator[int, None, None]:
        try:
            hanging.set()
            answered.wait(PATIENCE_SECONDS)
            yield 1
        finally:
            closed.set()

    held = hangs()

    async def consume() -> None:
        async with aclosing(one_ahead(held)) as items:
            await anext(items)

    consumer = asyncio.create_task(consume())
    assert await asyncio.to_thread(hanging.wait, PATIENCE_SECONDS)
    consumer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await consumer
    assert not closed.is_set()
    answered.set()
    await join_source_threads()
    assert closed.is_set()
