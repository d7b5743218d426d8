"""`python -m executor` as a process: how it starts, waits and ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from executor.settings import PREFIX


@contextmanager
def executor(**settings: str) -> Iterator[subprocess.Popen[str]]:
    others = {name: value for name, value in os.environ.items() if not name.upper().startswith(PREFIX)}
    ours = {PREFIX + name.upper(): value for name, value in settings.items()}
    command = [sys.executable, "-m", "executor"]
    with subprocess.Popen(command, env=others | ours, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: subprocess.Popen[str], event: str) -> list[dict[str, Any]]:
    """The lines of the log up to the one with this event."""
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(json.loads(line))
        if lines[-1]["event"] == event:
            return lines
    raise AssertionError(f"ended without {event}: {lines}")


def nobody() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def test_it_waits_for_a_control_plane_that_is_away_and_drains_when_told() -> None:
    with executor(control_plane=nobody()) as process:
        lines = read_until(process, "control_plane_away")
        process.send_signal(signal.SIGTERM)
        lines += read_until(process, "executor_drained")
        assert process.wait(timeout=20) == 0
    events = [line["event"] for line in lines]
    assert events == ["executor_started", "control_plane_away", "executor_draining", "executor_drained"]


def test_a_second_signal_stops_it_at_once() -> None:
    with executor(control_plane=nobody()) as process:
        read_until(process, "control_plane_away")
        process.send_signal(signal.SIGINT)
        read_until(process, "executor_draining")
        process.send_signal(signal.SIGTERM)
        read_until(process, "executor_stopped_at_once")
        assert process.wait(timeout=20) == 128 + signal.SIGTERM


def test_it_refuses_to_start_on_settings_that_it_does_not_know() -> None:
    with executor(leases_at_one="2", metrics_port="many") as process:
        _, message = process.communicate(timeout=60)
        assert process.returncode == 2
    assert message.splitlines()[1:] == [
        "  AUTOLOADER_EXECUTOR_LEASES_AT_ONE (environment): is not a setting; see its spelling",
        "  AUTOLOADER_EXECUTOR_METRICS_PORT (environment): "
        "Input should be a valid integer, unable to parse string as an integer",
    ]
