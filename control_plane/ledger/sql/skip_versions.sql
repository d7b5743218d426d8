-- Rules out versions that wait, or failed, of objects of which another version turned out to be loaded.
WITH skipped AS (
    UPDATE files
    SET state = 'SKIPPED',
        end_time = now(),
        error_category = 'FILE_CHANGED',
        error_message = CAST(:message AS text),
        error_cause = NULL,
        error_retryable = false
    WHERE ingestion_id = :ingestion_id
      AND uri = ANY (CAST(:uris AS text[]))
      AND state IN ('PENDING', 'FAILED')
      -- Its rows may be in the table: that stays to be seen.
      AND error_category IS DISTINCT FROM 'PUBLISH_IN_DOUBT'
      AND EXISTS (
          SELECT 1
          FROM files AS loaded
          WHERE loaded.ingestion_id = files.ingestion_id
            AND loaded.uri = files.uri
            AND loaded.state = 'PROCESSED'
      )
    RETURNING file_id
), figures AS (
    SELECT count(*) AS skipped
    FROM skipped
), totals AS (
    UPDATE ingestion_totals
    SET files_skipped = files_skipped + figures.skipped
    FROM figures
    WHERE ingestion_id = :ingestion_id
)
UPDATE runs
SET files_skipped = files_skipped + figures.skipped
FROM figures
WHERE run_id = :run_id
