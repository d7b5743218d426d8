-- Rules out what a person asked for, and counts it as skipped in a run that is under way. Stays as it is: a version that a newer
-- one has replaced, and one whose rows may be in the table: forgetting that would let a newer version be loaded on top of it.
WITH chosen AS (
    SELECT file_id, run_id, state
    FROM files
    WHERE ingestion_id = :ingestion_id
      AND file_id = ANY (CAST(:file_ids AS bigint[]))
      AND state IN ('PENDING', 'FAILED', 'MISSING')
      AND error_category IS DISTINCT FROM 'PUBLISH_IN_DOUBT'
      AND NOT EXISTS (
          SELECT 1
          FROM files AS newer
          WHERE newer.ingestion_id = files.ingestion_id
            AND newer.uri = files.uri
            AND newer.generation > files.generation
            AND (newer.state <> 'SKIPPED' OR newer.error_category = 'SKIPPED_BY_PERSON')
      )
    FOR UPDATE
), skipped AS (
    UPDATE files
    SET state = 'SKIPPED',
        end_time = now(),
        error_category = 'SKIPPED_BY_PERSON',
        error_message = CAST(:message AS text),
        error_cause = NULL,
        error_retryable = false
    FROM chosen
    WHERE files.ingestion_id = :ingestion_id
      AND files.file_id = chosen.file_id
), moved AS (
    UPDATE runs
    SET files_failed = files_failed - taken.failed,
        files_missing = files_missing - taken.missing,
        files_skipped = files_skipped + taken.files
    FROM (
        SELECT
            run_id,
            count(*) AS files,
            count(*) FILTER (WHERE state = 'FAILED') AS failed,
            count(*) FILTER (WHERE state = 'MISSING') AS missing
        FROM chosen
        GROUP BY run_id
    ) AS taken
    WHERE runs.run_id = taken.run_id
      AND runs.state IN ('PENDING', 'RUNNING')
), totals AS (
    UPDATE ingestion_totals
    SET files_skipped = files_skipped + figures.files
    FROM (SELECT count(*) AS files FROM chosen) AS figures
    WHERE ingestion_id = :ingestion_id
)
SELECT count(*) AS files, pg_notify('autoloader', 'files_recorded') AS notified
FROM chosen
