-- Older versions that never loaded are gone from the source: a newer one stands in their place.
UPDATE files
SET state = 'MISSING',
    end_time = now(),
    error_category = 'FILE_CHANGED',
    error_message = 'The object was overwritten before it was loaded; the newer version is a file of its own.',
    error_cause = NULL,
    error_retryable = false
FROM unnest(CAST(:uris AS text[]), CAST(:generations AS int[])) AS newer (uri, generation)
WHERE files.ingestion_id = :ingestion_id
  AND files.uri = newer.uri
  AND files.generation < newer.generation
  AND files.state IN ('PENDING', 'FAILED', 'SKIPPED')
  -- Its rows may be in the table: that stays to be seen.
  AND files.error_category IS DISTINCT FROM 'PUBLISH_IN_DOUBT'
