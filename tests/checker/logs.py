"""Judges what the services logged: errors that nobody injected, and leases that were published as two things."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from tests.checker.findings import Finding, Invariant

_ERRORS = {"error", "critical", "exception", "fatal"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A line of a service's log, as far as it is judged."""

    name: str
    level: str = "info"
    lease: str = ""
    attempt: str = ""
    snapshot: int = 0


def events_in(lines: Iterable[str]) -> Iterator[Event]:
    """The events among the lines. What a JVM printed, and a line cut by a kill, is none."""
    for line in lines:
        try:
            fields = json.loads(line)
        except ValueError:
            continue
        if isinstance(fields, dict) and "event" in fields:
            yield Event(
                name=str(fields["event"]),
                level=str(fields.get("level", "")).lower(),
                lease=str(fields.get("lease", "")),
                attempt=str(fields.get("attempt", "")),
                snapshot=int(fields.get("snapshot") or 0),
            )


def errors_not_expected(events: Iterable[Event], *, allowed: Collection[str]) -> list[Finding]:
    """Errors whose event is not among those that the injected faults explain."""
    surplus = Counter(event.name for event in events if event.level in _ERRORS and event.name not in allowed)
    return [
        Finding(Invariant.ERRORS_EXPECTED, f"`{name}` was logged as an error {count} times", (name,))
        for name, count in surplus.items()
    ]


def leases_published_twice(events: Iterable[Event]) -> list[Finding]:
    """Leases that executors reported as published by more than one snapshot of main."""
    snapshots: dict[str, set[int]] = {}
    for event in events:
        if event.name == "lease_published" and event.snapshot:
            snapshots.setdefault(event.lease, set()).add(event.snapshot)
    return [
        Finding(Invariant.LEASE_ONCE, f"executors published lease {lease} as {len(ids)} snapshots", _ids(lease, ids))
        for lease, ids in snapshots.items()
        if len(ids) > 1
    ]


def _ids(lease: str, snapshots: Iterable[int]) -> tuple[str, ...]:
    return (lease, *map(str, sorted(snapshots)))
