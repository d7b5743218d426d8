"""Judges the tables of a torture at rest: the checker's invariants, over all ingestions that load into a table."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.checker.findings import Finding, Invariant
from tests.checker.invariants import nothing_moves, violations
from tests.checker.ledger import Ledger, LedgerFile, Summary, read_ledger
from tests.checker.manifest import Expectation, ExpectedFile, Workload, by_column
from tests.checker.matching import match
from tests.checker.rejects import kept_aside, kept_aside_once
from tests.checker.table import TableReader, TableView
from tests.e2e.client import Client
from tests.e2e.lake import Lake
from tests.faults.torture.user import Ingestion

OWNER = by_column("source")
# Events at the level of an error that injected faults explain.
EXPLAINED = {
    *("turn_failed", "stage_broke", "loop_turn_failed", "spark_did_not_start", "spark_died"),
    # Asyncio says this of a connection to PostgreSQL that was lost while nobody waited for an answer any more.
    "Future exception was never retrieved\n"
    "future: <Future finished exception=ConnectionError('unexpected connection_lost() call')>",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """On one table. Rows are lost, duplicated or mismatched by what a reader sees against what files have."""

    findings: Sequence[Finding]
    files: Counter[str]
    rows: int
    rows_foreign: int
    lost: int
    duplicated: int
    mismatched: int


async def judge(
    table: str, *, lake: Lake, ledger: Client, ingestions: Sequence[Ingestion], foreign: Sequence[ExpectedFile]
) -> Verdict:
    """`ingestions` are all that load into the table, `foreign` what another writer added."""
    ledgers = [await read_ledger(ledger, each.name) for each in ingestions]
    ours = [expected for each in ingestions for file in each.landing.files.values() for expected in file.expected()]
    workload = Workload(files=(*ours, *foreign), owner_of=OWNER)
    loaded = await asyncio.to_thread(lake.load, table)
    view = await asyncio.to_thread(TableReader(OWNER).read, loaded) if loaded is not None else TableView()
    both = _as_one(ledgers)
    findings = [
        *violations(view, both, workload),
        *(finding for each in ledgers for finding in nothing_moves(each)),
        *(finding for each in ingestions for finding in _one_version(each, both.files)),
        *kept_aside_once(
            await asyncio.to_thread(lambda: kept_aside(lake.load(f"{table}__rejects"))),
            _bad_lines(ingestions, workload, both),
        ),
    ]
    return _verdict(findings, view, both, workload)


def _as_one(ledgers: Sequence[Ledger]) -> Ledger:
    """Ledgers of one table. Their runs have no common order: whether one rests is to be asked of each."""
    files, records = Counter[str](), Counter[str]()
    for summary in (summary for ledger in ledgers for summary in ledger.summaries):
        files[summary.state] += summary.file_count
        records[summary.state] += summary.records_written
    return Ledger(
        ingestion=" and ".join(ledger.ingestion for ledger in ledgers),
        files=tuple(file for ledger in ledgers for file in ledger.files),
        runs=tuple(run for ledger in ledgers for run in ledger.runs),
        summaries=tuple(
            Summary(state=state, file_count=files[state], records_written=records[state]) for state in files
        ),
    )


def _one_version(ingestion: Ingestion, files: Sequence[LedgerFile]) -> Iterator[Finding]:
    """Of a file that was overwritten, or is gone, at most one version is loaded; exactly one if its last is good."""
    loaded = Counter(file.uri.rpartition("/")[2] for file in files if file.state == "PROCESSED")
    for file in ingestion.landing.files.values():
        count = loaded[file.name]
        if count > 1 or (file.ends_loaded and not count):
            yield Finding(
                Invariant.LEDGER_TELLS_TRUTH,
                f"of {file.name} {count} of {len(file.versions)} versions are loaded",
                (file.name,),
            )


def _bad_lines(ingestions: Sequence[Ingestion], workload: Workload, ledger: Ledger) -> Iterator[str]:
    """Those of the versions that are in the table."""
    in_table = _wanted(workload, ledger)
    for ingestion in ingestions:
        for file in ingestion.landing.files.values():
            yield from (each.bad_line for each in file.versions if each.bad_line and each.key in in_table)


def _verdict(findings: Sequence[Finding], view: TableView, ledger: Ledger, workload: Workload) -> Verdict:
    digests = view.digests_by_owner()
    wanted = _wanted(workload, ledger)
    foreign = {each.key for each in workload.files if each.expectation is Expectation.FOREIGN}
    lost = duplicated = 0
    for owner in wanted.keys() | digests.keys():
        surplus = len(digests.get(owner, ())) - wanted.get(owner, 0)
        lost += max(-surplus, 0)
        duplicated += max(surplus, 0)
    return Verdict(
        findings=findings,
        files=Counter(file.state for file in ledger.files),
        rows=sum(len(rows) for owner, rows in digests.items() if owner not in foreign),
        rows_foreign=sum(len(rows) for owner, rows in digests.items() if owner in foreign),
        lost=lost,
        duplicated=duplicated,
        mismatched=sum(finding.invariant is Invariant.ROWS_ONCE and "differ" in finding.found for finding in findings),
    )


def _wanted(workload: Workload, ledger: Ledger) -> Mapping[str | None, int]:
    """The number of rows that each key must have."""
    by_key = match(workload, ledger.files).by_key
    return {
        each.key: each.checksum.count
        for each in workload.files
        if each.expectation in (Expectation.LOADED, Expectation.FOREIGN)
        or (each.expectation is Expectation.ANY and any(file.state == "PROCESSED" for file in by_key[each.key]))
    }


def ends_of(logs: Iterable[Path]) -> dict[Path, int]:
    return {log: log.stat().st_size for log in logs}


def lines_since(ends: Mapping[Path, int]) -> Iterator[str]:
    """The lines of logs after where they ended."""
    for log, size in ends.items():
        with log.open("rb") as content:
            content.seek(size)
            yield from content.read().decode(errors="replace").splitlines()
