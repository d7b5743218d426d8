-- Takes up again, at the start of a run, what failed by a cause outside the file.
UPDATE files
SET state = 'PENDING',
    run_id = :run_id,
    end_time = NULL,
    error_category = NULL,
    error_message = NULL,
    error_cause = NULL,
    error_retryable = NULL
WHERE ingestion_id = :ingestion_id
  AND state = 'FAILED'
  AND error_retryable
  -- Not what failed in this very run: its listing may be taken up by another lister.
  AND run_id <> :run_id
  AND NOT EXISTS (
      SELECT 1
      FROM files AS newer
      WHERE newer.ingestion_id = files.ingestion_id
        AND newer.uri = files.uri
        AND newer.generation > files.generation
        AND (newer.state <> 'SKIPPED' OR newer.error_category = 'SKIPPED_BY_PERSON')
  )
