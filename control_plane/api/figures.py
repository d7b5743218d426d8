"""The ledger's figures as samples of the metrics that metrics.py declares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from control_plane.domain.figures import Figures, IngestionFigures
from control_plane.metrics import Sample, ledger_families


class LedgerFigures(Collector):
    """Shows the figures that were read last; shows none when the ledger could not be read, never old ones."""

    def __init__(self) -> None:
        self.figures: Figures | None = None

    def describe(self) -> Iterable[Metric]:
        return ledger_families(())

    def collect(self) -> Iterable[Metric]:
        return ledger_families(_samples(self.figures)) if self.figures else ()


def _samples(figures: Figures) -> Iterator[Sample]:
    for each in figures.ingestions:
        yield from _samples_of(each)
    yield "autoloader_listing_requests_total", (), sum(each.listing_requests for each in figures.ingestions)
    yield "autoloader_lease_expirations_total", (), sum(each.lease_expirations for each in figures.ingestions)
    yield "autoloader_leases_fenced_total", (), sum(each.leases_fenced for each in figures.ingestions)
    for state, count in figures.leases.items():
        yield "autoloader_leases", (state,), count


def _samples_of(each: IngestionFigures) -> Iterator[Sample]:
    name = each.ingestion
    for file_state, count in each.files.items():
        yield "autoloader_files_total", (name, file_state), count
    yield "autoloader_records_written_total", (name,), each.records_written
    yield "autoloader_records_rejected_total", (name,), each.records_rejected
    yield "autoloader_bytes_read_total", (name,), each.bytes_read
    for (run_state, trigger), count in each.runs.items():
        yield "autoloader_runs_total", (name, run_state, trigger), count
    for category, count in each.file_errors.items():
        yield "autoloader_file_errors_total", (name, category), count
    yield "autoloader_files_pending", (name,), each.files_pending
    if each.oldest_pending_time:
        oldest = each.oldest_pending_time.timestamp()
        yield "autoloader_oldest_pending_file_timestamp_seconds", (name,), oldest
    if each.last_success_time:
        yield "autoloader_last_success_timestamp_seconds", (name,), each.last_success_time.timestamp()
