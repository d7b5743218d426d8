-- Takes back the newest version of an object that was skipped for an earlier one, when that one did not load after all.
WITH newest AS (
    SELECT DISTINCT ON (files.uri) files.uri, files.generation, files.state, files.error_category
    FROM unnest(CAST(:uris AS text[])) AS ended (uri)
    JOIN files ON files.ingestion_id = :ingestion_id AND files.uri = ended.uri
    ORDER BY files.uri, files.generation DESC
)
UPDATE files
SET state = 'PENDING',
    run_id = :run_id,
    end_time = NULL,
    error_category = NULL,
    error_message = NULL,
    error_cause = NULL,
    error_retryable = NULL
FROM newest
WHERE files.ingestion_id = :ingestion_id
  AND files.uri = newest.uri
  AND files.generation = newest.generation
  AND newest.state = 'SKIPPED'
  AND newest.error_category = 'FILE_CHANGED'
  AND NOT EXISTS (
      SELECT 1
      FROM files AS loaded
      WHERE loaded.ingestion_id = files.ingestion_id
        AND loaded.uri = files.uri
        AND (loaded.state IN ('PROCESSED', 'LEASED') OR loaded.error_category = 'PUBLISH_IN_DOUBT')
  )
