"""What services log for no injected fault is found, and what they publish twice."""

from __future__ import annotations

import json

from tests.checker.checker import check_logs


def test_an_error_that_nothing_explains_is_found() -> None:
    lines = [
        '{"event": "turn_failed", "level": "error"}',
        '{"event": "call_failed", "level": "error"}',
        '{"event": "lease_lost", "level": "warning"}',
        "26/11/24 22:00:59 ERROR Utils: what a JVM prints",
        '{"event": "cut by a ki',
    ]
    assert [finding.ids for finding in check_logs(lines, allowed_errors={"call_failed"})] == [("turn_failed",)]


def test_a_lease_that_was_published_as_two_snapshots_is_found_in_the_logs() -> None:
    published = [("l1", 1), ("l1", 1), ("l2", 2), ("l2", 3)]
    lines = [
        json.dumps({"event": "lease_published", "level": "info", "lease": lease, "snapshot": snapshot})
        for lease, snapshot in published
    ]
    assert [finding.ids for finding in check_logs(lines)] == [("l2", "2", "3")]
