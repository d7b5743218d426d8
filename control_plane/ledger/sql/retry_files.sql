-- Takes up again what a person asked for, and takes it off the figures of a run that is under way. Stays as it is: a version
-- that a newer one has replaced, one of an object of which another version is loaded, is being loaded or may be in the table,
-- and, unless it is named, one whose own rows may be there.
WITH chosen AS (
    SELECT file_id, run_id, state
    FROM files
    WHERE ingestion_id = :ingestion_id
      AND file_id = ANY (CAST(:file_ids AS bigint[]))
      AND (
          state IN ('FAILED', 'MISSING')
          -- What the ingestion ruled out stays so; what a person ruled out is never taken up in passing.
          OR (CAST(:skipped AS boolean) AND state = 'SKIPPED' AND error_category = 'SKIPPED_BY_PERSON')
      )
      AND (CAST(:named AS boolean) OR error_category IS DISTINCT FROM 'PUBLISH_IN_DOUBT')
      AND NOT EXISTS (
          SELECT 1
          FROM files AS newer
          WHERE newer.ingestion_id = files.ingestion_id
            AND newer.uri = files.uri
            AND newer.generation > files.generation
            AND (newer.state <> 'SKIPPED' OR newer.error_category = 'SKIPPED_BY_PERSON')
      )
      AND NOT EXISTS (
          SELECT 1
          FROM files AS loaded
          WHERE loaded.ingestion_id = files.ingestion_id
            AND loaded.uri = files.uri
            AND loaded.generation <> files.generation
            AND (loaded.state IN ('PROCESSED', 'LEASED') OR loaded.error_category = 'PUBLISH_IN_DOUBT')
      )
    FOR UPDATE
), retried AS (
    UPDATE files
    SET state = 'PENDING',
        attempts = 0,
        end_time = NULL,
        error_category = NULL,
        error_message = NULL,
        error_cause = NULL,
        error_retryable = NULL
    FROM chosen
    WHERE files.ingestion_id = :ingestion_id
      AND files.file_id = chosen.file_id
), lowered AS (
    UPDATE runs
    SET files_failed = files_failed - taken.failed,
        files_missing = files_missing - taken.missing,
        files_skipped = files_skipped - taken.skipped
    FROM (
        SELECT
            run_id,
            count(*) FILTER (WHERE state = 'FAILED') AS failed,
            count(*) FILTER (WHERE state = 'MISSING') AS missing,
            count(*) FILTER (WHERE state = 'SKIPPED') AS skipped
        FROM chosen
        GROUP BY run_id
    ) AS taken
    WHERE runs.run_id = taken.run_id
      AND runs.state IN ('PENDING', 'RUNNING')
)
SELECT count(*) AS files, pg_notify('autoloader', 'files_recorded') AS notified
FROM chosen
