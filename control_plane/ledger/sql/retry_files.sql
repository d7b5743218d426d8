-- Takes up again what a person asked for. A version that a newer one has replaced at the source stays as it is.
UPDATE files
SET state = 'PENDING',
    attempts = 0,
    end_time = NULL,
    error_category = NULL,
    error_message = NULL,
    error_cause = NULL,
    error_retryable = NULL
WHERE ingestion_id = :ingestion_id
  AND file_id = ANY (CAST(:file_ids AS bigint[]))
  AND state IN ('FAILED', 'MISSING')
  AND NOT EXISTS (
      SELECT 1
      FROM files AS newer
      WHERE newer.ingestion_id = files.ingestion_id
        AND newer.uri = files.uri
        AND newer.generation > files.generation
        AND newer.state <> 'SKIPPED'
  )
