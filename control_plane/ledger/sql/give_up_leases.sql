-- OFFERED → FAILED: the attempts are used up, and the files fail with the last error. The run is locked first.
-- Where executors died of a file to the last, with it alone, and others were loaded since it was discovered, the cause is
-- inside the file; where nothing was, it may as well be the executors.
WITH hopeless AS MATERIALIZED (
    SELECT run_id
    FROM runs
    WHERE run_id = :run_id
    FOR UPDATE
), ended AS (
    UPDATE leases
    SET state = 'FAILED',
        end_time = now(),
        error = CASE
            WHEN leases.executors_lost >= leases.max_attempts AND leases.file_count = 1 AND EXISTS (
                SELECT 1
                FROM files
                JOIN runs ON runs.ingestion_id = files.ingestion_id
                WHERE files.lease_id = leases.lease_id
                  AND runs.files_processed > 0
                  AND coalesce(runs.end_time, now()) > files.discover_time
            )
            THEN CAST(:poisonous AS jsonb) || jsonb_build_object(
                'cause', concat_ws(' ', leases.error ->> 'message', leases.error ->> 'cause')
            )
            ELSE leases.error
        END
    FROM hopeless
    WHERE leases.run_id = hopeless.run_id
      AND leases.state = 'OFFERED'
      AND greatest(leases.attempts, leases.executors_lost) >= leases.max_attempts
    RETURNING leases.lease_id, leases.ingestion_id, leases.run_id, leases.file_count,
        leases.attempts, leases.executors_lost, leases.error
), moved AS (
    UPDATE files
    SET state = 'FAILED',
        lease_id = NULL,
        end_time = now(),
        attempts = files.attempts + ended.attempts,
        executors_lost = greatest(files.executors_lost, ended.executors_lost),
        error_category = ended.error ->> 'category',
        error_message = ended.error ->> 'message',
        error_cause = nullif(ended.error ->> 'cause', ''),
        error_retryable = CAST(ended.error ->> 'retryable' AS boolean)
    FROM ended
    WHERE files.lease_id = ended.lease_id
    RETURNING files.ingestion_id, files.run_id, files.uri, files.error_category
), totals AS (
    UPDATE ingestion_totals
    SET files_failed = files_failed + failed.files
    FROM (SELECT ingestion_id, count(*) AS files FROM moved GROUP BY ingestion_id) AS failed
    WHERE ingestion_totals.ingestion_id = failed.ingestion_id
), categories AS (
    INSERT INTO ingestion_counters (ingestion_id, counter, labels, value)
    SELECT ingestion_id, 'file_errors', error_category, count(*)
    FROM moved
    GROUP BY ingestion_id, error_category
    ON CONFLICT (ingestion_id, counter, labels) DO UPDATE SET value = ingestion_counters.value + excluded.value
), raised AS (
    UPDATE runs
    SET files_failed = files_failed + failed.files
    FROM (SELECT run_id, count(*) AS files FROM moved GROUP BY run_id) AS failed
    WHERE runs.run_id = failed.run_id
)
SELECT
    ended.ingestion_id, ended.run_id, sum(ended.file_count)::bigint AS file_count,
    (SELECT count(*) FROM moved WHERE moved.run_id = ended.run_id) AS files,
    (SELECT array_agg(uri) FROM moved WHERE moved.run_id = ended.run_id) AS not_loaded
FROM ended
GROUP BY ended.ingestion_id, ended.run_id
