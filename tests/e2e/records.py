"""The base data of the stories: record `i` is a user's event, file `k` holds ids 1000k to 1000k+999."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

RECORDS_PER_FILE = 1000
COLUMNS = ["id", "timestamp", "user_id", "event_type", "value"]
EVENT_TYPES = ["login", "pageview", "click", "purchase"]
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


def record(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "timestamp": (BEGINNING + timedelta(seconds=number)).isoformat(),
        "user_id": f"user-{number % 100}",
        "event_type": EVENT_TYPES[number % 4],
        "value": number * 10.5,
    }


def ids_of_file(number: int, *, records: int = RECORDS_PER_FILE) -> range:
    return range(number * records, (number + 1) * records)


def content_of_file(number: int, *, records: int = RECORDS_PER_FILE) -> bytes:
    return lines(record(id) for id in ids_of_file(number, records=records))


def lines(records: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in records)
