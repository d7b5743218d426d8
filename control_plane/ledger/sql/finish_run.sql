-- Brings a run to rest when nothing of it is left to do. A lease in doubt waits for a person, and its run does not wait for it.
WITH finished AS (
    UPDATE runs
    SET state = CASE
            WHEN cancel_time IS NOT NULL THEN 'CANCELLED'
            WHEN error IS NOT NULL THEN 'FAILED'
            WHEN EXISTS (SELECT 1 FROM leases WHERE leases.run_id = runs.run_id AND leases.state = 'IN_DOUBT') THEN 'FAILED'
            WHEN files_failed = 0 THEN 'SUCCEEDED'
            WHEN files_processed = 0 THEN 'FAILED'
            ELSE 'PARTIALLY_SUCCEEDED'
        END,
        end_time = now(),
        lister = NULL,
        listing_deadline = NULL,
        errors = coalesce((
            SELECT jsonb_agg(told ORDER BY told.file_count, told.category)
            FROM (
                SELECT runs.error ->> 'category' AS category, runs.error ->> 'message' AS message,
                    runs.error ->> 'cause' AS cause, CAST(runs.error ->> 'retryable' AS boolean) AS retryable,
                    CAST(NULL AS bigint) AS file_id, 0 AS file_count
                WHERE runs.error IS NOT NULL
                UNION ALL
                SELECT leases.error ->> 'category', leases.error ->> 'message', leases.error ->> 'cause', false,
                    (SELECT min(file_id) FROM files WHERE files.lease_id = leases.lease_id), leases.file_count
                FROM leases
                WHERE leases.run_id = runs.run_id AND leases.state = 'IN_DOUBT'
                UNION ALL
                SELECT files.error_category, (array_agg(files.error_message ORDER BY files.file_id))[1],
                    (array_agg(files.error_cause ORDER BY files.file_id))[1],
                    bool_and(files.error_retryable), min(files.file_id), count(*)
                FROM files
                WHERE files.ingestion_id = runs.ingestion_id
                  AND files.run_id = runs.run_id
                  AND files.state IN ('FAILED', 'MISSING')
                  AND files.error_category IS NOT NULL
                GROUP BY files.error_category
            ) AS told
        ), '[]')
    WHERE run_id = :run_id
      AND (state = 'RUNNING' OR (state = 'PENDING' AND cancel_time IS NOT NULL))
      AND (list_end_time IS NOT NULL OR cancel_time IS NOT NULL)
      AND NOT EXISTS (
          SELECT 1 FROM leases
          WHERE leases.run_id = runs.run_id AND leases.state IN ('OFFERED', 'HELD', 'STAGED')
      )
      AND (
          error IS NOT NULL
          OR cancel_time IS NOT NULL
          OR NOT EXISTS (
              SELECT 1 FROM files
              WHERE files.ingestion_id = runs.ingestion_id AND files.state = 'PENDING'
          )
      )
    RETURNING run_id, ingestion_id, state, trigger,
        CAST(coalesce(extract(epoch FROM end_time - start_time), 0) * 1000 AS bigint) AS milliseconds
), succeeded AS (
    UPDATE ingestion_totals
    SET last_success_time = now()
    FROM finished
    WHERE ingestion_totals.ingestion_id = finished.ingestion_id
      AND finished.state = 'SUCCEEDED'
), counted AS (
    INSERT INTO ingestion_counters (ingestion_id, counter, labels, value)
    SELECT ingestion_id, 'runs', state || ',' || trigger, 1 FROM finished
    UNION ALL
    SELECT ingestion_id, 'run_milliseconds', '', milliseconds FROM finished
    ON CONFLICT (ingestion_id, counter, labels) DO UPDATE SET value = ingestion_counters.value + excluded.value
)
SELECT run_id, state, pg_notify('autoloader', 'runs_changed ' || milliseconds) AS notified
FROM finished
