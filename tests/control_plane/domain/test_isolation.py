"""A file that kills whoever loads it is alone before the attempts are used up, at the price of few sets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from control_plane.domain.isolation import isolate
from control_plane.domain.packing import Packable, pack

DEADLY = 7


def _files(count: int, *, executors_lost: int = 0) -> list[Packable]:
    return [
        Packable(file_id, size_bytes=10, name_bytes=10, executors_lost=executors_lost)
        for file_id in range(1, count + 1)
    ]


def _sets(files: list[Packable], *, max_attempts: int = 3, keep_open_set: bool = False) -> list[list[Packable]]:
    told = isolate(files, max_attempts=max_attempts, max_files=5000, max_bytes=10**9, keep_open_set=keep_open_set)
    return list(told)


def _deaths(count: int, *, max_attempts: int) -> tuple[int, int]:
    """Executors that die of one file until one has died with it alone, and the sets that all files went into."""
    waiting, deaths, sets = _files(count), 0, 0
    while waiting:
        packed = _sets(waiting, max_attempts=max_attempts)
        sets += len(packed)
        (deadly,) = (each for each in packed if DEADLY in {file.file_id for file in each})
        deaths += 1
        waiting = [replace(file, executors_lost=file.executors_lost + 1) for file in deadly] if len(deadly) > 1 else []
    return deaths, sets


@pytest.mark.parametrize("max_attempts", [2, 3, 4, 5, 10])
@pytest.mark.parametrize("count", [7, 8, 40, 999, 1000, 5000])
def test_one_deadly_file_kills_no_more_executors_than_there_are_attempts(count: int, max_attempts: int) -> None:
    deaths, _ = _deaths(count, max_attempts=max_attempts)
    assert deaths <= max_attempts


def test_with_one_attempt_the_second_executor_finds_the_file_alone() -> None:
    assert _deaths(1000, max_attempts=1)[0] == 2


def test_with_three_attempts_the_sets_are_few() -> None:
    assert _deaths(1000, max_attempts=3) == (3, 1 + 32 + 32)


def test_a_death_of_something_else_costs_the_root_of_the_files() -> None:
    assert len(_sets(_files(1000, executors_lost=1))) == 32
    assert len(_sets(_files(1000, executors_lost=1), max_attempts=5)) == 6


def test_files_that_no_executor_died_with_are_packed_as_ever() -> None:
    files = _files(40)
    assert _sets(files) == list(pack(files, max_files=5000, max_bytes=10**9, keep_open_set=False))


def test_suspects_never_wait_for_more_nor_mix_with_others() -> None:
    sets = _sets([*_files(3), *_files(4, executors_lost=1), *_files(2, executors_lost=9)], keep_open_set=True)
    assert [[file.executors_lost for file in each] for each in sets] == [[1, 1], [1, 1], [9], [9]]


def test_the_limits_of_a_lease_hold_for_suspects_too() -> None:
    suspects = _files(100, executors_lost=1)
    sets = list(isolate(suspects, max_attempts=3, max_files=4, max_bytes=30, keep_open_set=False))
    assert max(map(len, sets)) == 3
