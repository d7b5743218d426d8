"""Checks a workload once it rests: reads the ledger and the table, and says what is wrong between them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable

from pyiceberg.table import Table

from tests.checker.findings import Finding, report
from tests.checker.invariants import violations
from tests.checker.ledger import read_ledger
from tests.checker.logs import errors_not_expected, events_in, leases_published_twice
from tests.checker.manifest import Workload
from tests.checker.table import TableReader, TableView
from tests.e2e.client import Client


async def check(client: Client, ingestion: str, *, table: Table | None, workload: Workload) -> list[Finding]:
    """Violations of every invariant that a look at the end can tell. `table` is freshly loaded; None: there is none."""
    ledger = await read_ledger(client, ingestion)
    view = await asyncio.to_thread(TableReader(workload.owner_of).read, table) if table is not None else TableView()
    return violations(view, ledger, workload)


def check_logs(lines: Iterable[str], *, allowed_errors: Collection[str] = ()) -> list[Finding]:
    """Violations that the services' logs tell; `allowed_errors` are names of events that injected faults explain."""
    events = list(events_in(lines))
    return [*errors_not_expected(events, allowed=allowed_errors), *leases_published_twice(events)]


def assert_no_findings(findings: Collection[Finding]) -> None:
    assert not findings, f"{len(findings)} findings\n{report(findings)}"
