"""The sample files of the demo."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

RECORDS_PER_FILE = 1_000
EVENT_TYPES = ("login", "pageview", "click", "purchase")
FIRST_TIME = datetime(2026, 1, 1, tzinfo=UTC)


def write_samples(folder: Path, numbers: Iterable[int]) -> None:
    """Writes a file of JSON lines for each number k: `data-00k.json`, with the records from 1000k on."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        first = number * RECORDS_PER_FILE
        lines = (json.dumps(record(i)) for i in range(first, first + RECORDS_PER_FILE))
        (folder / f"data-{number:03}.json").write_text("".join(f"{line}\n" for line in lines))


def record(i: int) -> dict[str, object]:
    """The i-th record."""
    return {
        "id": i,
        "timestamp": (FIRST_TIME + timedelta(seconds=i)).isoformat(),
        "user_id": f"user-{i % 100}",
        "event_type": EVENT_TYPES[i % 4],
        "value": i * 10.5,
    }
