"""The invariants: each a pure function over what was read, that returns what violates it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from tests.checker.checksum import checksum_of_digests
from tests.checker.findings import Finding, Invariant
from tests.checker.ledger import Ledger, LedgerFile
from tests.checker.manifest import Expectation, ExpectedFile, Workload
from tests.checker.matching import Matching, match
from tests.checker.table import TableView

_MOVING = {"PENDING", "LEASED"}
# What the ledger may say of a file; one that it never saw has the state "".
_STATES = {
    Expectation.LOADED: {"PROCESSED"},
    Expectation.FAILED: {"FAILED"},
    Expectation.MISSING: {"MISSING", ""},
    Expectation.SUPERSEDED: {"MISSING", "FAILED", "SKIPPED", ""},
    Expectation.ANY: {"PROCESSED", "FAILED", "MISSING", "SKIPPED", ""},
}


def violations(table: TableView, ledger: Ledger, workload: Workload) -> list[Finding]:
    """All that is wrong between a table at rest, the ledger and the workload."""
    matching = match(workload, ledger.files)
    digests = table.digests_by_owner()
    return [
        *rows_once(workload, matching, digests),
        *rows_of_others(workload, matching, digests),
        *leases_once(table),
        *data_files_once(table),
        *data_files_exist(table),
        *ledger_tells_truth(workload, matching, digests),
        *snapshots_of_files_are_in_main(table, ledger.files),
        *figures_equal(table, ledger, rows_in_table=_rows_of_ours(workload, digests)),
        *nothing_moves(ledger),
    ]


def rows_once(workload: Workload, matching: Matching, digests: Mapping[str | None, list[int]]) -> Iterator[Finding]:
    for expected in workload.files:
        if not _is_in_table(expected, matching):
            continue
        found = digests.get(expected.key, [])
        checksum = checksum_of_digests(found)
        if checksum != expected.checksum:
            repeated = len(found) - len(set(found))
            yield Finding(
                Invariant.ROWS_ONCE,
                f"{expected.key} has {expected.checksum.count} rows; in the table are {checksum.count}, of which "
                f"{repeated} repeat another" + ("" if checksum.count != expected.checksum.count else ": they differ"),
                (expected.key,),
            )


def rows_of_others(
    workload: Workload, matching: Matching, digests: Mapping[str | None, list[int]]
) -> Iterator[Finding]:
    wanted = {expected.key for expected in workload.files if _is_in_table(expected, matching)}
    expectations = {expected.key: expected.expectation.name for expected in workload.files}
    for owner, found in digests.items():
        if found and owner not in wanted:
            kind = "no file of the workload" if owner is None else expectations.get(owner, "no file of the workload")
            yield Finding(
                Invariant.NO_ROWS_OF_OTHERS,
                f"{len(found)} rows of {owner or 'unknown origin'}, which is {kind}, are in the table",
                (owner or "",),
            )


def leases_once(table: TableView) -> Iterator[Finding]:
    snapshots: dict[str, list[int]] = {}
    for snapshot in table.chain:
        for lease in snapshot.leases:
            snapshots.setdefault(lease, []).append(snapshot.id)
        if len(snapshot.leases) > 1:
            leases = sorted(snapshot.leases)
            yield Finding(
                Invariant.LEASE_ONCE,
                f"snapshot {snapshot.id} carries {len(leases)} leases",
                (str(snapshot.id), *leases),
            )
    for lease, ids in snapshots.items():
        if len(ids) > 1:
            yield Finding(Invariant.LEASE_ONCE, f"lease {lease} is in {len(ids)} snapshots", (lease, *map(str, ids)))


def data_files_once(table: TableView) -> Iterator[Finding]:
    for path, ids in table.added_by.items():
        if len(ids) > 1:
            yield Finding(
                Invariant.DATA_FILE_ONCE,
                f"{path} was added by {len(ids)} snapshots",
                (path, *map(str, sorted(ids))),
            )
    for path, times in Counter(table.live).items():
        if times > 1:
            yield Finding(Invariant.DATA_FILE_ONCE, f"{path} is listed {times} times in main's head", (path,))


def data_files_exist(table: TableView) -> Iterator[Finding]:
    for path in sorted(table.absent):
        yield Finding(Invariant.DATA_FILE_EXISTS, f"{path} is referenced by main, and not there", (path,))


def ledger_tells_truth(
    workload: Workload, matching: Matching, digests: Mapping[str | None, list[int]]
) -> Iterator[Finding]:
    for expected in workload.files:
        if expected.expectation is not Expectation.FOREIGN:
            yield from _ledger_on(expected, matching.by_key[expected.key], rows=len(digests.get(expected.key, [])))
    for file in matching.unknown:
        yield Finding(
            Invariant.LEDGER_TELLS_TRUTH,
            f"the ledger has {file.uri}, generation {file.generation}, as {file.state}; the workload never made it",
            (file.name,),
        )


def _ledger_on(expected: ExpectedFile, found: tuple[LedgerFile, ...], *, rows: int) -> Iterator[Finding]:
    ids = (expected.key, *(file.name for file in found))
    if len(found) > 1:
        yield Finding(Invariant.LEDGER_TELLS_TRUTH, f"{expected.key} is {len(found)} files of the ledger", ids)
        return
    state, written = (found[0].state, found[0].records_written) if found else ("", 0)
    if state not in _STATES[expected.expectation]:
        yield Finding(
            Invariant.LEDGER_TELLS_TRUTH,
            f"{expected.key} is {state or 'not known'}; expected is {expected.expectation.value}",
            ids,
        )
    if written != rows or (rows and state != "PROCESSED"):
        yield Finding(
            Invariant.LEDGER_TELLS_TRUTH,
            f"{expected.key} is {state or 'not known'} with {written} rows written; in the table are {rows}",
            ids,
        )


def snapshots_of_files_are_in_main(table: TableView, files: Iterable[LedgerFile]) -> Iterator[Finding]:
    """Says nothing when some of main's history has expired."""
    in_main = {snapshot.id for snapshot in table.chain}
    for file in files:
        if table.is_whole and file.snapshot_id and file.snapshot_id not in in_main:
            yield Finding(
                Invariant.LEDGER_TELLS_TRUTH,
                f"{file.uri} came in by snapshot {file.snapshot_id}, which is not in main",
                (file.name, str(file.snapshot_id)),
            )


def figures_equal(table: TableView, ledger: Ledger, *, rows_in_table: int) -> Iterator[Finding]:
    """Snapshots are counted when all of main's history is there; those without a lease are another writer's."""
    processed = [summary for summary in ledger.summaries if summary.state == "PROCESSED"]
    figures = {
        "rows in the table": rows_in_table,
        "records_written of the runs": sum(run.records_written for run in ledger.runs),
        "records_written of the files": sum(file.records_written for file in ledger.files),
        "records_written of SummarizeFiles": sum(summary.records_written for summary in processed),
    }
    if table.is_whole:
        figures["added-records of main"] = sum(each.records_added for each in table.chain if each.leases)
    if len(set(figures.values())) > 1:
        told = ", ".join(f"{name} {figure}" for name, figure in figures.items())
        yield Finding(Invariant.FIGURES_EQUAL, f"they differ: {told}", (ledger.ingestion,))
    listed = Counter(file.state for file in ledger.files)
    summarized = {summary.state: summary.file_count for summary in ledger.summaries}
    if listed != summarized:
        yield Finding(
            Invariant.FIGURES_EQUAL,
            f"files by state: ListFiles has {dict(listed)}, SummarizeFiles {summarized}",
            (ledger.ingestion,),
        )


def nothing_moves(ledger: Ledger) -> Iterator[Finding]:
    """All runs rest, and when the newest one SUCCEEDED, so do all files."""
    for run in ledger.runs:
        if run.state in {"PENDING", "RUNNING"} or (run.state == "SUCCEEDED" and run.files_remaining):
            yield Finding(
                Invariant.NOTHING_MOVES, f"{run.name} is {run.state}, {run.files_remaining} files remain", (run.name,)
            )
    if ledger.runs and ledger.runs[0].state == "SUCCEEDED":
        for file in ledger.files:
            if file.state in _MOVING:
                yield Finding(Invariant.NOTHING_MOVES, f"{file.uri} is {file.state} after quiescence", (file.name,))


def _is_in_table(expected: ExpectedFile, matching: Matching) -> bool:
    """Whether the rows of a file must be in the table."""
    match expected.expectation:
        case Expectation.LOADED | Expectation.FOREIGN:
            return True
        case Expectation.ANY:
            return any(file.state == "PROCESSED" for file in matching.by_key[expected.key])
        case _:
            return False


def _rows_of_ours(workload: Workload, digests: Mapping[str | None, list[int]]) -> int:
    """Rows in the table that no other writer added."""
    foreign = {expected.key for expected in workload.files if expected.expectation is Expectation.FOREIGN}
    return sum(len(found) for owner, found in digests.items() if owner not in foreign)
