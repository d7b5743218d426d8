-- Says that the listing goes on and what it cost since the last time; no row when the claim is lost or the run cancelled.
WITH kept AS (
    UPDATE runs
    SET listing_deadline = now() + make_interval(secs => :claim_seconds),
        listing_requests = listing_requests + CAST(:requests AS bigint),
        objects_listed = objects_listed + CAST(:objects AS bigint)
    WHERE run_id = :run_id
      AND lister = CAST(:lister AS uuid)
      AND state = 'RUNNING'
      AND list_end_time IS NULL
      AND cancel_time IS NULL
    RETURNING ingestion_id
), counted AS (
    UPDATE ingestion_totals
    SET listing_requests = ingestion_totals.listing_requests + CAST(:requests AS bigint)
    FROM kept
    WHERE ingestion_totals.ingestion_id = kept.ingestion_id
)
SELECT ingestion_id
FROM kept
