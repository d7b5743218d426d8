"""The metrics: names that promtool accepts, phases that add up, a page that comes and goes."""

from __future__ import annotations

import re
import socket
import urllib.error
import urllib.request

import pytest
from prometheus_client import generate_latest

from executor.metrics import Metrics, exposed

NAMES = {
    "autoloader_executor_leases_total",
    "autoloader_executor_phase_duration_seconds",
    "autoloader_executor_files_total",
    "autoloader_executor_records_total",
    "autoloader_executor_bytes_total",
    "autoloader_executor_busy",
}


def page(metrics: Metrics) -> str:
    return generate_latest(metrics.registry).decode()


def test_every_metric_of_the_list_is_on_the_page() -> None:
    text = page(Metrics())
    declared = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    assert {name for name in declared if not name.endswith("_created")} == NAMES


def test_a_phase_ends_with_the_next_one_or_with_the_block() -> None:
    metrics = Metrics()
    with pytest.raises(RuntimeError), metrics.phases() as phase:
        phase("read")
        phase("write")
        phase("read")
        raise RuntimeError
    text = page(metrics)
    assert 'phase_duration_seconds_count{phase="read"} 2.0' in text
    assert 'phase_duration_seconds_count{phase="write"} 1.0' in text


def test_two_executors_in_a_process_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.records.inc(5)
    assert "autoloader_executor_records_total 0.0" in page(other)


def test_the_page_is_shown_in_the_block_and_not_after() -> None:
    port = a_free_port()
    url = f"http://127.0.0.1:{port}/metrics"
    with exposed(Metrics(), host="127.0.0.1", port=port), urllib.request.urlopen(url) as answer:
        assert b"autoloader_executor_busy 0.0" in answer.read()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url)


def test_port_zero_shows_nothing() -> None:
    with exposed(Metrics(), host="host.invalid", port=0):
        pass


def a_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
