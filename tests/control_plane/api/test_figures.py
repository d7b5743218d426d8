"""The ledger's figures as samples."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from control_plane.api.figures import LedgerFigures
from tests.builders import SOME_TIME, some_figures


def test_every_figure_is_a_sample() -> None:
    registry, figures = CollectorRegistry(), LedgerFigures()
    registry.register(figures)
    figures.figures = some_figures()
    for name, labels, value in (
        ("autoloader_files_total", {"ingestion": "orders", "state": "PROCESSED"}, 7),
        ("autoloader_files_total", {"ingestion": "orders", "state": "FAILED"}, 1),
        ("autoloader_records_written_total", {"ingestion": "orders"}, 70),
        ("autoloader_records_rejected_total", {"ingestion": "orders"}, 3),
        ("autoloader_bytes_read_total", {"ingestion": "orders"}, 700),
        ("autoloader_runs_total", {"ingestion": "orders", "state": "SUCCEEDED", "trigger": "MANUAL"}, 2),
        ("autoloader_file_errors_total", {"ingestion": "orders", "category": "DATA_MALFORMED"}, 1),
        ("autoloader_files_pending", {"ingestion": "orders"}, 4),
        ("autoloader_oldest_pending_file_timestamp_seconds", {"ingestion": "orders"}, SOME_TIME.timestamp()),
        ("autoloader_last_success_timestamp_seconds", {"ingestion": "orders"}, SOME_TIME.timestamp()),
        ("autoloader_last_success_timestamp_seconds", {"ingestion": "empty"}, None),
        ("autoloader_listing_requests_total", {}, 9),
        ("autoloader_lease_expirations_total", {}, 1),
        ("autoloader_leases_fenced_total", {}, 2),
        ("autoloader_leases", {"state": "HELD"}, 1),
    ):
        assert registry.get_sample_value(name, labels) == value, name


def test_figures_that_cannot_be_read_are_not_shown() -> None:
    registry, figures = CollectorRegistry(), LedgerFigures()
    registry.register(figures)
    assert registry.get_sample_value("autoloader_lease_expirations_total") is None
