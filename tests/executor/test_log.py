"""The log: one JSON object a line, with the ids of the lease at hand."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from executor import log


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_carries_its_fields_and_the_lease_at_hand(stream: io.StringIO) -> None:
    log.configure(format="json", level="info", stream=stream)
    with structlog.contextvars.bound_contextvars(lease="lease-1"):
        structlog.get_logger("executor.worker").info("lease_staged", snapshot=22)
    (line,) = lines(stream)
    assert (line["event"], line["snapshot"], line["lease"]) == ("lease_staged", 22, "lease-1")
    assert (line["level"], line["logger"]) == ("info", "executor.worker")
    assert line["timestamp"].endswith("Z")


def test_less_severe_events_are_left_out(stream: io.StringIO) -> None:
    log.configure(format="json", level="warning", stream=stream)
    structlog.get_logger("executor.worker").info("lease_staged")
    assert lines(stream) == []


def test_libraries_write_the_same_lines(stream: io.StringIO) -> None:
    log.configure(format="json", level="info", stream=stream)
    logging.getLogger("py4j").warning("cannot reach %s", "it")
    (line,) = lines(stream)
    assert (line["event"], line["level"], line["logger"]) == ("cannot reach it", "warning", "py4j")


def test_an_exception_is_one_line(stream: io.StringIO) -> None:
    log.configure(format="auto", level="info", stream=stream)
    try:
        raise ZeroDivisionError("by nought")
    except ZeroDivisionError:
        structlog.get_logger("executor.worker").exception("turn_failed")
    (line,) = lines(stream)
    assert "ZeroDivisionError: by nought" in line["exception"]


def test_people_are_not_shown_local_variables(stream: io.StringIO) -> None:
    log.configure(format="console", level="info", stream=stream)
    secret = "".join(["hunter", "2"])
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        structlog.get_logger("executor.worker").exception("turn_failed", length=len(secret))
    assert "ZeroDivisionError" in stream.getvalue()
    assert secret not in stream.getvalue()


def test_people_get_text(stream: io.StringIO) -> None:
    log.configure(format="console", level="info", stream=stream)
    structlog.get_logger("executor.worker").info("lease_staged", snapshot=22)
    assert "lease_staged" in stream.getvalue()
    assert not stream.getvalue().startswith("{")
