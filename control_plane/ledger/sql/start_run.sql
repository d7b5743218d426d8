-- Claims the listing of the oldest run that nobody lists: one just opened, or one whose lister fell silent.
WITH next AS (
    SELECT run_id
    FROM runs
    WHERE state IN ('PENDING', 'RUNNING')
      AND list_end_time IS NULL
      AND cancel_time IS NULL
      AND (listing_deadline IS NULL OR listing_deadline < now())
    ORDER BY run_id
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
UPDATE runs
SET state = 'RUNNING',
    start_time = coalesce(start_time, now()),
    lister = CAST(:lister AS uuid),
    listing_deadline = now() + make_interval(secs => :claim_seconds)
FROM next
WHERE runs.run_id = next.run_id
RETURNING runs.run_id, runs.ingestion_id
