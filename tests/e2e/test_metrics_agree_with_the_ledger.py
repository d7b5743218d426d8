"""What Prometheus scrapes from both services is what the ledger says."""

from __future__ import annotations

import asyncio
import contextlib
import urllib.error
import urllib.request

from autoloader.v1 import files_pb2
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.installation import Installation
from tests.e2e.places import Folder
from tests.e2e.records import content_of_file
from tests.e2e.services import Executor

File = files_pb2.File
SCRAPE_SECONDS = 20.0

Figures = dict[tuple[str, ...], float]


async def test_both_pages_show_the_figures_of_the_ledger(installation: Installation, table: str) -> None:
    (executor,) = (service for service in installation.services if isinstance(service, Executor))
    place = Folder(installation.folder / table)
    for number in range(3):
        place.put(f"data-{number}.json", content_of_file(number))
    place.put("data-3.json", b"this is not JSON\n")
    ingestion = await installation.client.create(place.source, table=table)
    before = await first_scrape(executor.metrics_address)

    run = await installation.run(ingestion)
    await installation.run(ingestion)

    assert (run.files_processed, run.files_failed, run.records_written) == (3, 1, 3000)
    summary = await installation.client.summary(ingestion)
    processed, failed = summary[File.STATE_PROCESSED], summary[File.STATE_FAILED]
    name = ingestion.removeprefix("ingestions/")
    shown = scrape(installation.control_plane.metrics_address)
    assert shown["autoloader_files_total", name, "PROCESSED"] == processed.file_count == 3
    assert shown["autoloader_files_total", name, "FAILED"] == failed.file_count == 1
    assert shown["autoloader_records_written_total", name] == processed.records_written == 3000
    assert shown["autoloader_bytes_read_total", name] == processed.size_bytes == run.bytes_read
    assert shown["autoloader_file_errors_total", "DATA_MALFORMED", name] == 1
    assert shown["autoloader_runs_total", name, "PARTIALLY_SUCCEEDED", "MANUAL"] == 1
    assert shown["autoloader_runs_total", name, "SUCCEEDED", "MANUAL"] == 1
    assert shown["autoloader_files_pending", name] == 0
    await until_shown(
        executor,
        before,
        autoloader_executor_files_total=processed.file_count,
        autoloader_executor_records_total=processed.records_written,
        autoloader_executor_bytes_total=processed.size_bytes,
    )


async def first_scrape(address: str) -> Figures:
    """An executor shows its page soon after its process has started."""
    async with asyncio.timeout(SCRAPE_SECONDS):
        while True:
            with contextlib.suppress(urllib.error.URLError):
                return scrape(address)
            await asyncio.sleep(0.05)


async def until_shown(executor: Executor, before: Figures, **wanted: int) -> None:
    """An executor counts what it did just after it said so."""
    grown: dict[str, float] = {}
    try:
        async with asyncio.timeout(SCRAPE_SECONDS):
            while grown != wanted:
                after = scrape(executor.metrics_address)
                grown = {name: after[(name,)] - before[(name,)] for name in wanted}
                await asyncio.sleep(0.05)
    except TimeoutError:
        assert grown == wanted


def scrape(address: str) -> Figures:
    """Samples by their name and the values of their labels, in the order of the labels' names."""
    with urllib.request.urlopen(f"http://{address}/metrics") as page:
        families = text_string_to_metric_families(page.read().decode())
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }
