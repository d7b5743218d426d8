-- HELD → ABANDONED: an executor died with a set. Its files wait again, for smaller sets. The caller has locked the run.
-- Of one that fell silent the deadline is told, and must still be that one: a renewal since then shows that it lives.
WITH ended AS (
    UPDATE leases
    SET state = 'ABANDONED',
        attempts = attempts + CASE WHEN begun THEN 0 ELSE 1 END,
        executors_lost = executors_lost + 1,
        holder = NULL,
        request_id = NULL,
        deadline = NULL,
        end_time = now(),
        error = CAST(:error AS jsonb)
    WHERE lease_id = CAST(:lease_id AS uuid)
      AND fence = :fence
      AND attempt = CAST(:attempt AS uuid)
      AND state = 'HELD'
      AND file_count > 1
      AND deadline = coalesce(CAST(:deadline AS timestamptz), deadline)
    RETURNING lease_id, ingestion_id, run_id, file_count, attempts, executors_lost
), moved AS (
    UPDATE files
    SET state = 'PENDING',
        lease_id = NULL,
        attempts = files.attempts + ended.attempts,
        executors_lost = greatest(files.executors_lost, ended.executors_lost)
    FROM ended
    WHERE files.lease_id = ended.lease_id
    RETURNING files.file_id
), counted AS (
    UPDATE ingestion_totals
    SET lease_expirations = lease_expirations + 1
    FROM ended
    WHERE ingestion_totals.ingestion_id = ended.ingestion_id
      AND CAST(:deadline AS timestamptz) IS NOT NULL
)
SELECT
    run_id, file_count, (SELECT count(*) FROM moved) AS files, pg_notify('autoloader', 'files_recorded') AS notified
FROM ended
