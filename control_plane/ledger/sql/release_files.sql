-- Takes up again the files that waited for changes which are decided, and wait for no other; takes them off the figures of a
-- run that is under way. A version that a newer one has replaced stays as it is.
WITH waited AS (
    DELETE FROM waiting_files
    WHERE ingestion_id = :ingestion_id
      AND change_id = ANY (CAST(:change_ids AS bigint[]))
    RETURNING file_id
), chosen AS (
    SELECT files.file_id, files.run_id
    FROM files
    WHERE files.ingestion_id = :ingestion_id
      AND files.file_id IN (SELECT file_id FROM waited)
      AND files.state = 'FAILED'
      AND files.error_category = 'SCHEMA_MISMATCH'
      AND NOT EXISTS (
          SELECT 1
          FROM waiting_files
          JOIN schema_changes USING (ingestion_id, change_id)
          WHERE waiting_files.ingestion_id = files.ingestion_id
            AND waiting_files.file_id = files.file_id
            AND schema_changes.state = 'HELD'
      )
      AND NOT EXISTS (
          SELECT 1
          FROM files AS newer
          WHERE newer.ingestion_id = files.ingestion_id
            AND newer.uri = files.uri
            AND newer.generation > files.generation
            AND newer.state <> 'SKIPPED'
      )
    FOR UPDATE OF files
), released AS (
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
    SET files_failed = files_failed - taken.files
    FROM (SELECT run_id, count(*) AS files FROM chosen GROUP BY run_id) AS taken
    WHERE runs.run_id = taken.run_id
      AND runs.state IN ('PENDING', 'RUNNING')
)
SELECT count(*) AS files, pg_notify('autoloader', 'files_recorded') AS notified
FROM chosen
