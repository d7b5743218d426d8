-- Takes back versions: one that was gone and is listed again, or one skipped for a version that did not load after all.
UPDATE files
SET state = 'PENDING',
    run_id = :run_id,
    end_time = NULL,
    error_category = NULL,
    error_message = NULL,
    error_cause = NULL,
    error_retryable = NULL
FROM unnest(CAST(:uris AS text[]), CAST(:generations AS int[])) AS back (uri, generation)
WHERE files.ingestion_id = :ingestion_id
  AND files.uri = back.uri
  AND files.generation = back.generation
  AND files.state IN ('MISSING', 'SKIPPED')
