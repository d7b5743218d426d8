"""The log: one JSON document a line in service, with the ids at hand, and libraries kept quiet."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from control_plane import log


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def written(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_has_its_fields_and_the_ids_at_hand(stream: io.StringIO) -> None:
    log.configure(format="json", level="info", stream=stream)
    with structlog.contextvars.bound_contextvars(request_id="r"):
        structlog.get_logger().info("file_seen", size_bytes=7)
    (event,) = written(stream)
    assert (event["event"], event["size_bytes"], event["request_id"], event["level"]) == ("file_seen", 7, "r", "info")


def test_events_below_the_level_are_left_out(stream: io.StringIO) -> None:
    log.configure(format="json", level="warning", stream=stream)
    structlog.get_logger().info("file_seen")
    assert written(stream) == []


def test_libraries_are_heard_from_warnings_on(stream: io.StringIO) -> None:
    log.configure(format="json", level="info", stream=stream)
    logging.getLogger("botocore").info("chatter")
    logging.getLogger("botocore").warning("trouble")
    assert [event["event"] for event in written(stream)] == ["trouble"]


def test_an_exception_is_part_of_its_event(stream: io.StringIO) -> None:
    log.configure(format="auto", level="info", stream=stream)
    try:
        raise ValueError("why")
    except ValueError:
        structlog.get_logger().exception("turn_failed")
    (event,) = written(stream)
    assert "ValueError: why" in str(event["exception"])
