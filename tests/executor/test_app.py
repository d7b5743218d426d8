"""How the executor ends: by itself, or cut short when the drain is over."""

from __future__ import annotations

import asyncio

import pytest

from executor.app import until_done


async def test_workers_that_end_are_waited_for() -> None:
    over = asyncio.Event()
    assert await until_done([asyncio.sleep(0), asyncio.sleep(0)], over)


async def test_workers_that_outlast_the_drain_are_all_cut_short_and_may_say_goodbye() -> None:
    over, goodbyes = asyncio.Event(), []

    async def work(name: str) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)
            goodbyes.append(name)
            raise

    asyncio.get_running_loop().call_soon(over.set)
    assert not await until_done([work("one"), work("other")], over)
    assert sorted(goodbyes) == ["one", "other"]


async def test_a_broken_worker_ends_the_others_and_is_not_passed_over() -> None:
    ended = asyncio.Event()

    async def break_down() -> None:
        raise ZeroDivisionError

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(ZeroDivisionError):
        await until_done([work(), break_down()], asyncio.Event())
    assert ended.is_set()
