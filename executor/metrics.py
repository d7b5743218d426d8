"""The executor's metrics: one list, and the page that shows them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

PHASE_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1800.0)


class Metrics:
    """All that an executor measures. Labels hold no path, no id and no text of an error."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.leases = Counter(
            "autoloader_executor_leases_total",
            "Leases that this executor is done with, by what came of them.",
            ["outcome"],
            registry=self.registry,
        )
        self.phase_duration = Histogram(
            "autoloader_executor_phase_duration_seconds",
            "Time that each phase of a lease took.",
            ["phase"],
            buckets=PHASE_BUCKETS,
            registry=self.registry,
        )
        self.files = Counter(
            "autoloader_executor_files_total",
            "Files whose rows this executor staged and published.",
            registry=self.registry,
        )
        self.records = Counter(
            "autoloader_executor_records_total",
            "Rows that this executor published.",
            registry=self.registry,
        )
        self.bytes = Counter(
            "autoloader_executor_bytes_total",
            "Bytes of the files whose rows this executor staged and published, as listed.",
            registry=self.registry,
        )
        self.busy = Gauge(
            "autoloader_executor_busy",
            "Leases being worked on now.",
            registry=self.registry,
        )

    @contextmanager
    def phases(self) -> Iterator[PhaseClock]:
        """A clock for the phases of one lease; the last phase ends with the block."""
        clock = PhaseClock(self.phase_duration)
        try:
            yield clock
        finally:
            clock.end()


class PhaseClock:
    """Called with the name of each phase as it begins, which ends the one before."""

    def __init__(self, durations: Histogram) -> None:
        self._durations = durations
        self._phase: str | None = None
        self._began_at = 0.0

    def __call__(self, phase: str) -> None:
        self.end()
        self._phase, self._began_at = phase, time.monotonic()

    def end(self) -> None:
        if self._phase is not None:
            seconds = time.monotonic() - self._began_at
            self._durations.labels(phase=self._phase).observe(seconds)
            self._phase = None


@contextmanager
def exposed(metrics: Metrics, *, host: str, port: int) -> Iterator[None]:
    """Shows the metrics at `http://host:port/metrics` in the block; with port 0, nowhere."""
    if port == 0:
        yield
        return
    server, thread = start_http_server(port, addr=host, registry=metrics.registry)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
