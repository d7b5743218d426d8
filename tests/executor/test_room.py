"""One who wants the room alone has it alone, and soon."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from executor.room import Room


class Guest:
    """Someone in the room, or at its door, who stays until told to leave."""

    def __init__(self, room: Room, *, alone: bool = False) -> None:
        self.is_inside = False
        self._leaving = asyncio.Event()
        self._visit = asyncio.create_task(self._stay(room, alone=alone))

    async def _stay(self, room: Room, *, alone: bool) -> None:
        async with room.entered(alone=alone):
            self.is_inside = True
            await self._leaving.wait()

    async def leave(self) -> None:
        self._leaving.set()
        await self._visit

    async def give_up(self) -> None:
        self._visit.cancel()
        with suppress(asyncio.CancelledError):
            await self._visit


async def _settled() -> None:
    """Lets everybody who can go on do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_two_are_inside_side_by_side() -> None:
    room = Room()
    guests = [Guest(room), Guest(room)]
    await _settled()
    assert [guest.is_inside for guest in guests] == [True, True]
    for guest in guests:
        await guest.leave()


async def test_one_alone_waits_for_those_inside_and_those_who_come_later_wait_for_it() -> None:
    room = Room()
    first = Guest(room)
    await _settled()
    alone = Guest(room, alone=True)
    await _settled()
    later = Guest(room)
    await _settled()
    assert (first.is_inside, alone.is_inside, later.is_inside) == (True, False, False)
    await first.leave()
    await _settled()
    assert (alone.is_inside, later.is_inside) == (True, False)
    await alone.leave()
    await _settled()
    assert later.is_inside
    await later.leave()


async def test_one_that_gives_up_waiting_lets_the_others_in() -> None:
    room = Room()
    first = Guest(room)
    await _settled()
    alone = Guest(room, alone=True)
    await _settled()
    later = Guest(room)
    await alone.give_up()
    await _settled()
    assert later.is_inside
    await first.leave()
    await later.leave()
