"""Pauses that grow, up to a limit, and differ."""

from __future__ import annotations

from executor.backoff import backoff_seconds


def test_pauses_double_up_to_the_longest() -> None:
    for attempt, full in enumerate([0.1, 0.2, 0.4, 0.8, 1.0, 1.0]):
        assert full / 2 <= backoff_seconds(attempt, first=0.1, longest=1.0) <= full


def test_a_million_failures_still_have_a_pause() -> None:
    assert backoff_seconds(1_000_000, longest=5.0) <= 5.0


def test_two_that_failed_together_come_back_apart() -> None:
    assert len({backoff_seconds(5) for _ in range(10)}) > 1
