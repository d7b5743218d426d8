"""Every metric of the control plane, declared once; names and labels are a contract with dashboards and alerts."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

_CALL = ("grpc_type", "grpc_service", "grpc_method")
_CALL_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_WORK_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400)

# What the ledger counts, so that no process that dies takes a figure with it: type, name, labels,
# help.
# Every replica shows the same; aggregate with `max without (instance)`.
_LEDGER: tuple[tuple[Literal["counter", "gauge"], str, tuple[str, ...], str], ...] = (
    ("counter", "autoloader_files_total", ("ingestion", "state"), "Files that came to this state."),
    ("counter", "autoloader_records_written_total", ("ingestion",), "Rows added to the table."),
    (
        "counter",
        "autoloader_records_rejected_total",
        ("ingestion",),
        "Rows that could not be read.",
    ),
    (
        "counter",
        "autoloader_bytes_read_total",
        ("ingestion",),
        "Bytes of the files loaded, as stored.",
    ),
    (
        "counter",
        "autoloader_runs_total",
        ("ingestion", "state", "trigger"),
        "Runs that came to rest.",
    ),
    (
        "counter",
        "autoloader_file_errors_total",
        ("ingestion", "category"),
        "Files not loaded, by cause.",
    ),
    ("counter", "autoloader_listing_requests_total", (), "Listing requests sent to stores."),
    ("counter", "autoloader_lease_expirations_total", (), "Leases whose holder fell silent."),
    (
        "counter",
        "autoloader_leases_fenced_total",
        (),
        "Calls refused because the lease had moved on.",
    ),
    ("gauge", "autoloader_files_pending", ("ingestion",), "Files that wait to be loaded."),
    (
        "gauge",
        "autoloader_oldest_pending_file_timestamp_seconds",
        ("ingestion",),
        "When the file that waits longest was discovered.",
    ),
    (
        "gauge",
        "autoloader_last_success_timestamp_seconds",
        ("ingestion",),
        "When a run last succeeded, in whole.",
    ),
    ("gauge", "autoloader_leases", ("state",), "Leases that are not at rest, by state."),
)

Sample = tuple[str, Sequence[str], float]


class Metrics:
    """What this process counts itself, in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.calls_started = Counter("grpc_server_started_total", "Calls begun.", _CALL, registry=registry)
        self.calls_handled = Counter(
            "grpc_server_handled_total",
            "Calls ended, by status.",
            (*_CALL, "grpc_code"),
            registry=registry,
        )
        self.call_seconds = Histogram(
            "grpc_server_handling_seconds",
            "Time from a call's begin to its end.",
            _CALL,
            buckets=_CALL_BUCKETS,
            registry=registry,
        )
        self.run_seconds = Histogram(
            "autoloader_run_duration_seconds",
            "Time from a run's begin to its rest, of runs that came to rest while this process listened.",
            buckets=_WORK_BUCKETS,
            registry=registry,
        )
        self.listing_seconds = Histogram(
            "autoloader_listing_duration_seconds",
            "Time to list a source, of listings done here.",
            buckets=_WORK_BUCKETS,
            registry=registry,
        )
        _build_info(registry)


def ledger_families(samples: Iterable[Sample]) -> list[Metric]:
    """Sorts samples of the ledger's figures, (name, label values, value), into the families declared above."""
    families = {name: _family(*declared) for declared in _LEDGER for name in declared[1:2]}
    for name, labels, value in samples:
        families[name].add_metric(labels, value)
    return list(families.values())


def _family(
    kind: Literal["counter", "gauge"], name: str, labels: tuple[str, ...], text: str
) -> CounterMetricFamily | GaugeMetricFamily:
    build = CounterMetricFamily if kind == "counter" else GaugeMetricFamily
    return build(name, text, labels=labels)


def _build_info(registry: CollectorRegistry) -> None:
    info = Gauge(
        "autoloader_build_info",
        "Version of this process; always 1.",
        ("version", "python"),
        registry=registry,
    )
    info.labels(version("autoloader"), platform.python_version()).set(1)
