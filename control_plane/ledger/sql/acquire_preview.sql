-- Hands out the preview that waits longest, to one executor only; a repeated request gets again what it got.
WITH again AS (
    SELECT preview_id
    FROM previews
    WHERE holder = CAST(:executor AS text)
      AND request_id = CAST(:request_id AS text)
      AND answer IS NULL
), next AS (
    SELECT preview_id
    FROM previews
    WHERE pool = CAST(:pool AS text)
      AND holder IS NULL
      AND answer IS NULL
      AND expire_time > now()
      AND NOT EXISTS (SELECT 1 FROM again)
      -- A request that was answered with a lease is to be answered with it again.
      AND NOT EXISTS (
          SELECT 1 FROM leases WHERE holder = CAST(:executor AS text) AND request_id = CAST(:request_id AS text)
      )
    ORDER BY create_time, preview_id
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
UPDATE previews
SET attempt = coalesce(previews.attempt, CAST(:attempt AS uuid)),
    holder = CAST(:executor AS text),
    request_id = CAST(:request_id AS text),
    deadline = now() + make_interval(secs => CAST(:lease_seconds AS float8))
FROM (
    SELECT preview_id FROM again
    UNION ALL
    SELECT preview_id FROM next
) AS chosen
WHERE previews.preview_id = chosen.preview_id
RETURNING previews.preview_id, previews.tenant, previews.ingestion, previews.pool, previews.config, previews.sealed,
    previews.terms, previews.attempt, now() AS now
