"""Writes the rows of a lease's good files onto a private branch, in as many rounds as it takes.

The first rounds trust every file, since most files are good. A round that meets bad ones drops
them from the roster, and the next one starts on a fresh branch without them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from pyspark.sql.types import StructType

from executor import rejects
from executor import table as tables
from executor.counts import FileCounts
from executor.destination import fit_into, ready_table, wanted_schema
from executor.diagnose import has_malformed_record
from executor.errors import attempt_failed
from executor.failpoints import failpoint
from executor.job import Job
from executor.lease import Category, StagedTable
from executor.metadata import Snapshot, leases_since
from executor.reading import (
    count_apart,
    drop_leftovers,
    drop_rejected,
    drop_silent,
    drop_unreadable,
    survey,
)
from executor.rejects_table import stage_rejects
from executor.schema.reconcile import Fit
from executor.staged import refuse_another, refuse_if_replaced, staged_snapshot, staged_table
from executor.table import TableFacts
from executor.trust import glance, trusted_counts
from executor.writing import append_to, rows_to_write

_TRUSTING_ROUNDS = 3
_ROUNDS_MAX = 6
_OPEN_COST_BYTES = (64 << 10, 4 << 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A staged snapshot, the number of its rows by file, and what the table says of itself beside.

    `rejects` are the records kept aside, and `rejected` their number by file.
    """

    table: StagedTable
    counts: Mapping[int, int]
    rejects: StagedTable | None = None
    rejected: Mapping[int, int] = field(default_factory=dict)
    leases_in_main: tuple[str, ...] = ()
    location: str = ""


def stage(job: Job) -> Staged:
    """What was staged; no snapshot when there are no rows. Raises AttemptFailed."""
    if not job.roster.unempty:
        return _nothing(job)
    _set_up_session(job)
    wanted = wanted_schema(job)
    facts = ready_table(job, wanted)
    if facts is None:
        return _nothing(job)
    return _rounds(job, facts, fit_into(job, wanted, facts))


def _set_up_session(job: Job) -> None:
    sizes = [file.size_bytes for file in job.roster.unempty.values()]
    smallest, largest = _OPEN_COST_BYTES
    open_cost = max(smallest, min(largest, sum(sizes) // len(sizes) // 2))
    job.spark.conf.set("spark.sql.files.openCostInBytes", str(open_cost))
    # Above it Spark starts a job to list files that we know one by one.
    job.spark.conf.set("spark.sql.sources.parallelPartitionDiscovery.threshold", str(len(sizes) + 1))


def _rounds(job: Job, facts: TableFacts, fitted: Fit) -> Staged:
    for number in range(1, _ROUNDS_MAX + 1):
        if number > _TRUSTING_ROUNDS:
            for index in job.roster.unempty:
                survey(job, [index], fitted.read)
        if not job.roster.unempty:
            return _nothing(job)
        # Where bad records are kept aside, the first one does not end the second write.
        may_trust = number == 1 or not job.keeps_aside
        staged = _round(job, facts, fitted, branch=job.branch(number), may_trust=may_trust)
        if staged is not None:
            return staged
    raise attempt_failed(Category.FILE_CHANGED, "The files change faster than they can be read.", retryable=True)


def _round(job: Job, facts: TableFacts, fitted: Fit, *, branch: str, may_trust: bool) -> Staged | None:
    """What was staged, or None when files had to be dropped, or are to be read with more care."""
    job.check_held()
    job.phase("stage")
    try:
        with ThreadPoolExecutor(1) as thread:
            opening = thread.submit(tables.open_branch, job.spark, job.table, branch, is_empty=facts.is_empty)
            rows, observed = rows_to_write(job, fitted, may_trust=may_trust)
            append = append_to(job, rows, branch)
            opening.result()
            job.check_held()
            # Spark works in its JVM; meanwhile this process, which had many words with it, looks at the files.
            glancing = thread.submit(glance, job)
            failpoint("executor.before_stage")
            append.save(job.table.sql)
            failpoint("executor.after_stage")
        glanced = glancing.result()
        job.phase("verify")
        state, snapshot = staged_snapshot(job, branch)
        refuse_another(job, facts, state)
        counts = observed() if observed else trusted_counts(job, fitted.table, glanced, snapshot)
        if counts is None and job.keeps_aside and may_trust:
            return None
        counts = _agreed(job, fitted, counts, snapshot)
        if drop_rejected(job, counts, fitted.read):
            return None
        kept = rejects.collect(job, counts, fitted.read) if job.keeps_aside else None
    except Exception as error:
        refuse_if_replaced(job, facts)
        if not has_malformed_record(error):
            drop_unreadable(job, error)
        elif not (job.keeps_aside and may_trust):
            survey(job, job.roster.unempty, fitted.read)
        return None
    is_read_whole = job.keeps_aside and observed is not None
    suspected = set() if is_read_whole else job.roster.unempty.keys() - glanced.keys()
    if _drop_bad(job, counts, fitted.read, suspected) or (job.keeps_aside and kept is None):
        return None
    if not snapshot.records_added:
        return _nothing(job)
    beside = stage_rejects(job, kept, branch=branch) if kept else None
    job.make_durable()
    return Staged(
        table=staged_table(job, facts, state, snapshot),
        counts=counts.read,
        rejects=beside,
        rejected=counts.rejected,
        leases_in_main=leases_since(state, job.work.verified_snapshot_id),
        location=state.location,
    )


def _drop_bad(job: Job, counts: FileCounts, schema: StructType, suspected: Iterable[int]) -> bool:
    return (
        drop_leftovers(job, suspected, counts)
        or drop_silent(job, counts, schema)
        or job.roster.drop_troubled(job.store.troubles)
    )


def _agreed(job: Job, fitted: Fit, counts: FileCounts | None, snapshot: Snapshot) -> FileCounts:
    """Counts whose sum is the number of rows in the snapshot. Raises AttemptFailed if none agree."""
    if counts is not None and _written(job, counts) == snapshot.records_added:
        return counts
    counts = count_apart(job, job.roster.unempty, fitted.read)
    if _written(job, counts) == snapshot.records_added:
        return counts
    raise attempt_failed(
        Category.WRITE_FAILURE,
        f"{snapshot.records_added} rows were staged and {_written(job, counts)} are in the files.",
        retryable=True,
    )


def _written(job: Job, counts: FileCounts) -> int:
    """The number of records that were written: what is rejected is too, until its file is dropped."""
    return counts.total_read if job.keeps_aside else counts.total


def _nothing(job: Job) -> Staged:
    return Staged(table=StagedTable(table=job.work.table), counts={})
