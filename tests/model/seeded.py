"""Bugs of a ledger, each of which the model must notice: only a test can plant them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from control_plane.domain.lease import Holding, Staging
from control_plane.domain.versions import Decision, decide
from control_plane.ledger import leases, listings, publications, requests, rulings, runs, staged
from control_plane.ledger.database import Connection
from tests.model.planting import SeededBug, in_code, in_sql, together

FENCE = "  AND fence = :fence\n"
ATTEMPT = "  AND attempt = CAST(:attempt AS uuid)\n"
STAGE_FENCE, STAGE_ATTEMPT = f"    {FENCE}", f"    {ATTEMPT}"
COMPLETE_STATE = "      AND leases.state = CAST(:leaves AS text)\n"
COMPLETE_FENCE = "      AND leases.fence = coalesce(CAST(:fence AS bigint), leases.fence)\n"
OVERWRITING = "ON CONFLICT (lease_id, purpose) DO UPDATE SET staged_snapshot_id = excluded.staged_snapshot_id"
KNOWN = "('STAGED', 'PUBLISHED', 'IN_DOUBT')"
SEAL = "      AND NOT EXISTS (SELECT 1 FROM unknown)\n"
OWN_TABLE = "      AND NOT EXISTS (SELECT 1 FROM replaced)\n"
HOLDER = (
    "FROM leases AS held\n    JOIN ingestions ON ingestions.ingestion_id = held.ingestion_id"
    " AND held.lease_id = CAST(:lease_id AS uuid) AND held.attempt = CAST(:attempt AS uuid)\n"
)
USED = "greatest(attempts, executors_lost)"
CARRIED = "executors_lost = greatest(files.executors_lost, ended.executors_lost)"
WITNESS = "                  AND runs.files_processed > 0\n"
REPLACED = "AND newer.generation > files.generation\n"
IN_DOUBT = "      AND error_category IS DISTINCT FROM 'PUBLISH_IN_DOUBT'\n"


async def _nothing(*_: object, **__: object) -> None:
    return None


async def _no(*_: object, **__: object) -> bool:
    return False


async def _store_apart(connection: Connection, **key: Any) -> None:
    async with connection.engine.begin() as other:
        await _stored(other, **key)


async def _complete_and_count_again(connection: Connection, *, lease_id: str, **told: Any) -> None:
    again = text(
        "UPDATE runs SET records_written = runs.records_written + 1 FROM leases WHERE leases.run_id = runs.run_id"
        " AND leases.state = 'PUBLISHED' AND leases.lease_id = CAST(:lease_id AS uuid)"
    )
    await connection.execute(again, {"lease_id": lease_id})
    await _completed(connection, lease_id=lease_id, **told)


async def _same_attempt(connection: Connection, holding: Holding, _: Staging) -> bool:
    query = "SELECT count(*) FROM staged_tables WHERE attempt = $1"
    found = await connection.exec_driver_sql(query, (holding.attempt,))
    return bool(found.scalar_one())


def _never_skip(*told: Any) -> Decision:
    decided = decide(*told)
    return Decision(decided.move, decided.generation)


_stored, _completed = requests.store, publications.complete

SEEDED_BUGS = (
    SeededBug(
        "acquire takes what another holds",
        in_sql(
            "acquire_lease",
            ("state IN ('OFFERED', 'STAGED')\n      AND holder IS NULL", "state IN ('OFFERED', 'HELD', 'STAGED')"),
        ),
    ),
    SeededBug("acquire takes what another publishes", in_sql("acquire_lease", ("      AND holder IS NULL\n", ""))),
    SeededBug(
        "acquire keeps the fence", in_sql("acquire_lease", ("ELSE leases.fence + 1 END", "ELSE leases.fence END"))
    ),
    SeededBug(
        "acquire does not look its request up",
        in_sql(
            "acquire_lease",
            ("WHERE holder = CAST(:executor AS text)\n", "WHERE false AND holder = CAST(:executor AS text)\n"),
        ),
    ),
    SeededBug(
        "acquire counts a repeated request as a new attempt",
        in_sql("acquire_lease", ("chosen.again THEN leases.attempt ELSE", "false THEN leases.attempt ELSE")),
    ),
    SeededBug("acquire does not wait for a rest", in_sql("acquire_lease", ("      AND not_before <= now()\n", ""))),
    SeededBug(
        "acquire never has enough of a lease",
        in_sql("acquire_lease", (f"      AND (state = 'STAGED' OR {USED} < max_attempts)\n", "")),
    ),
    SeededBug("renew without a fence", in_sql("renew_lease", (FENCE, ""))),
    SeededBug("renew without fence and attempt", in_sql("renew_lease", (FENCE, ""), (ATTEMPT, ""))),
    SeededBug("renew counts every renewal", in_sql("renew_lease", (" AND NOT begun", ""))),
    SeededBug("stage without a fence", in_sql("stage_lease", (STAGE_FENCE, ""))),
    SeededBug("stage without an attempt", in_sql("stage_lease", (STAGE_ATTEMPT, ""))),
    SeededBug(
        "stage looks at the deadline",
        in_sql("stage_lease", ("AND state = 'HELD'", "AND state = 'HELD' AND deadline > now()")),
    ),
    SeededBug(
        "stage overwrites what is staged",
        in_sql(
            "stage_lease",
            ("AND state = 'HELD'", "AND state IN ('HELD', 'STAGED')"),
            ("IS NOT NULL\n),", f"IS NOT NULL\n    {OVERWRITING}\n),"),
        ),
    ),
    SeededBug("stage does not know what it was told before", in_code(staged, "is_stored", _no)),
    SeededBug("stage takes another snapshot for the one that counts", in_code(staged, "is_stored", _same_attempt)),
    SeededBug("stage takes counts that do not fit", in_code(publications, "_refuse_wrong_counts", _nothing)),
    SeededBug(
        "stage adds to a table with rows of a stranger",
        in_sql(
            "stage_lease",
            (f"coalesce(leases.state NOT IN {KNOWN}, true)", f"leases.state NOT IN {KNOWN}"),
        ),
    ),
    SeededBug(
        "stage takes what never counted for known",
        in_sql(
            "stage_lease",
            (f"coalesce(leases.state NOT IN {KNOWN}, true)", "leases.lease_id IS NULL"),
        ),
    ),
    SeededBug("stage does not look into the table", in_sql("stage_lease", (SEAL, ""))),
    SeededBug(
        "stage takes a lease in doubt for forgotten",
        in_sql("stage_lease", (f"NOT IN {KNOWN}", "NOT IN ('STAGED', 'PUBLISHED')")),
    ),
    SeededBug("stage adds to a table that took another's place", in_sql("stage_lease", (OWN_TABLE, ""))),
    SeededBug("stage takes a replaced table for a lost lease", in_code(publications, "refuse_replaced", _nothing)),
    SeededBug("stage takes a sealed table for a lost lease", in_code(publications, "refuse_sealed", _nothing)),
    SeededBug(
        "a refused lease moves the verified head",
        in_sql(
            "stage_lease",
            ("    JOIN ingestions ON ingestions.ingestion_id = decided.ingestion_id\n", ""),
            ("FROM decided\n    WHERE CAST(:base", f"{HOLDER}    WHERE CAST(:base"),
        ),
    ),
    SeededBug(
        "the verified head stays where it was",
        in_sql("stage_lease", ("    WHERE verified_heads.snapshot_id <> excluded.snapshot_id\n", "    WHERE false\n")),
    ),
    SeededBug(
        "an empty table is taken for a verified head",
        in_sql("stage_lease", ("    WHERE CAST(:base_snapshot_id AS bigint) <> 0\n", "    WHERE true\n")),
    ),
    SeededBug(
        "acquire does not say from where to look",
        in_sql("acquire_lease", ("coalesce(verified_heads.snapshot_id, 0)", "0")),
    ),
    SeededBug("complete without a fence", in_sql("complete_lease", (COMPLETE_FENCE, ""))),
    SeededBug("complete without a state", in_sql("complete_lease", (COMPLETE_STATE, ""))),
    SeededBug(
        "complete loads what was excepted",
        in_sql("complete_lease", ("coalesce(exceptions.outcome, 'PROCESSED')", "'PROCESSED'")),
    ),
    SeededBug("complete counts what is repeated", in_code(publications, "complete", _complete_and_count_again)),
    SeededBug("complete leaves a skipped version behind", in_code(publications, "revive_later_versions", _nothing)),
    SeededBug("fail without fence and attempt", in_sql("fail_lease", (FENCE, ""), (ATTEMPT, ""))),
    SeededBug(
        "fail throws away what is staged",
        in_sql("fail_lease", ("AND state = 'HELD'", "AND state IN ('HELD', 'STAGED')")),
    ),
    SeededBug("fail never gives up", in_code(leases, "give_up", _nothing)),
    SeededBug("release without fence and attempt", in_sql("release_lease", (FENCE, ""), (ATTEMPT, ""))),
    SeededBug(
        "release burns the attempt",
        in_sql("release_lease", ("CASE WHEN state = 'HELD' AND begun THEN 1 ELSE 0 END", "0")),
    ),
    SeededBug("reap acts before the deadline", in_sql("reap_leases", ("      AND deadline < now()\n", ""))),
    SeededBug(
        "reap throws away what is staged",
        in_sql("reap_leases", ("state = CASE state WHEN 'HELD' THEN 'OFFERED' ELSE state END", "state = 'OFFERED'")),
    ),
    SeededBug(
        "reap offers a set whole that an executor died with",
        in_sql("reap_leases", ("      AND NOT (state = 'HELD' AND begun AND file_count > 1)\n", "")),
    ),
    SeededBug(
        "reap does not count who died",
        in_sql("reap_leases", ("CASE WHEN state = 'HELD' AND begun THEN 1", "CASE WHEN false THEN 1")),
    ),
    SeededBug("split without fence and attempt", in_sql("split_lease", (STAGE_FENCE, ""), (STAGE_ATTEMPT, ""))),
    SeededBug(
        "split throws away what is staged",
        in_sql("split_lease", ("AND state = 'HELD'", "AND state IN ('HELD', 'STAGED')")),
    ),
    SeededBug("split forgets who died", in_sql("split_lease", (CARRIED, "executors_lost = 0"))),
    SeededBug(
        "split leaves a file behind",
        in_sql(
            "split_lease",
            (
                "WHERE files.lease_id = ended.lease_id",
                "WHERE files.lease_id = ended.lease_id AND files.file_id % 2 = 0",
            ),
        ),
    ),
    SeededBug(
        "what was split begins anew",
        in_sql("offer_leases", ("least(sets.executors_lost, CAST(:max_attempts AS int) - 1)", "0")),
    ),
    SeededBug("a cancelled run forgets who died", in_sql("abandon_leases", (CARRIED, "executors_lost = 0"))),
    SeededBug("a file is blamed for executors that load nothing", in_sql("give_up_leases", (WITNESS, ""))),
    SeededBug("unstage keeps the fence", in_sql("unstage_lease", ("        fence = fence + 1,\n", ""))),
    SeededBug("unstage without a fence", in_sql("unstage_lease", (STAGE_FENCE, ""))),
    SeededBug("unstage takes up the work of a cancelled run", in_code(runs, "is_cancelled", _no)),
    SeededBug("doubt without a fence", in_sql("doubt_lease", (FENCE, ""))),
    SeededBug("resolve keeps the fence", in_sql("resolve_lease", ("    fence = fence + 1,\n", ""))),
    SeededBug(
        "cancel throws away what is staged",
        in_sql("abandon_leases", ("state IN ('OFFERED', 'HELD')", "state IN ('OFFERED', 'HELD', 'STAGED')")),
    ),
    SeededBug(
        "a run rests with something staged",
        in_sql("finish_run", ("('OFFERED', 'HELD', 'STAGED')", "('OFFERED', 'HELD')")),
    ),
    SeededBug(
        "retry takes what is leased",
        in_sql(
            "retry_files",
            ("          state IN ('FAILED', 'MISSING')\n", "          state IN ('FAILED', 'MISSING', 'LEASED')\n"),
            ("SET state = 'PENDING',", "SET state = 'PENDING', lease_id = NULL,"),
        ),
    ),
    SeededBug(
        "retry takes what may be in the table",
        in_sql(
            "retry_files",
            ("      AND (CAST(:named AS boolean) OR error_category IS DISTINCT FROM 'PUBLISH_IN_DOUBT')\n", ""),
        ),
    ),
    SeededBug("retry takes a version that was replaced", in_sql("retry_files", (REPLACED, f"{REPLACED} AND false\n"))),
    SeededBug(
        "retry takes what a person ruled out in passing",
        together(
            in_code(rulings, "_NOT_LOADED", rulings._NOT_LOADED | rulings._SKIPPED),
            in_sql("retry_files", ("CAST(:skipped AS boolean)", "true")),
        ),
    ),
    SeededBug(
        "skip takes what is leased",
        in_sql(
            "skip_files",
            ("state IN ('PENDING', 'FAILED', 'MISSING')", "state IN ('PENDING', 'FAILED', 'MISSING', 'LEASED')"),
            ("SET state = 'SKIPPED',", "SET state = 'SKIPPED', lease_id = NULL,"),
        ),
    ),
    SeededBug("skip forgets what may be in the table", in_sql("skip_files", (IN_DOUBT, ""))),
    SeededBug("skip takes a version that was replaced", in_sql("skip_files", (REPLACED, f"{REPLACED} AND false\n"))),
    SeededBug(
        "skip leaves the run's failures as they are",
        in_sql("skip_files", ("files_failed = files_failed - taken.failed", "files_failed = files_failed")),
    ),
    SeededBug("retake takes what failed by its content", in_sql("retake_files", ("  AND error_retryable\n", ""))),
    SeededBug("a changed version of a loaded file is loaded", in_code(listings, "decide", _never_skip)),
    SeededBug("a new version leaves the old one waiting", in_code(listings, "_supersede", _nothing)),
    SeededBug("a reply outlives its transaction", in_code(requests, "store", _store_apart)),
    SeededBug("a reply is not looked up", in_code(requests, "reply", _nothing)),
)

BUGS_OF_RACES = (
    SeededBug("two at once acquire one lease", in_sql("acquire_lease", ("    FOR UPDATE SKIP LOCKED\n", ""))),
    SeededBug("two at once with one request get two leases", in_code(leases, "lock_request", _nothing)),
)
