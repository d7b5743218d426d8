"""How long to wait before the same thing is tried again."""

from __future__ import annotations

import random


def backoff_seconds(attempt: int, *, first: float = 0.1, longest: float = 5.0) -> float:
    """Pause after failure number `attempt`, from 0: doubles up to `longest`, then is cut by chance.

    Between half and all of it is taken, so that what failed together does not come back together.
    """
    full = min(longest, first * 2.0 ** min(attempt, 32))
    return random.uniform(full / 2, full)
