"""Packs files that executors died with into ever smaller sets, until one that kills them is alone."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator

from control_plane.domain.packing import Packable, pack


def isolate(
    files: Iterable[Packable], *, max_attempts: int, max_files: int, max_bytes: int, keep_open_set: bool
) -> Iterator[list[Packable]]:
    """Packs files apart by the executors that died with them; what no executor died with as `pack` does.

    A file that kills whoever loads it kills `max_attempts` executors (two, if that is 1). Halving would cost the
    logarithm of the set's size: 11 deaths for 1,000 files. Therefore each death cuts as deep as those that are left
    demand, by the same factor each time: with 3 attempts 1,000 files go into sets of 32, and the deadly one of these
    into single files. It cuts at the first death already, though most executors die of something else: a death takes
    one lease, which then costs 32 commits in place of one, and no more than that. With more attempts the cuts are
    gentler. By count, not by bytes: each file is as likely to be the one.
    """
    groups: dict[int, list[Packable]] = defaultdict(list)
    for file in files:
        groups[min(file.executors_lost, max(max_attempts - 1, 1))].append(file)
    for lost, group in sorted(groups.items()):
        largest = _files_a_set(len(group), lost=lost, max_attempts=max_attempts) if lost else max_files
        yield from pack(
            group,
            max_files=min(max_files, largest),
            max_bytes=max_bytes,
            keep_open_set=keep_open_set and not lost,
        )


def _files_a_set(files: int, *, lost: int, max_attempts: int) -> int:
    """The `cuts`-th root of the files, to the power of the cuts that follow; the last one leaves each file alone."""
    cuts = max(max_attempts - lost, 1)
    return math.ceil(math.pow(files, (cuts - 1) / cuts))
