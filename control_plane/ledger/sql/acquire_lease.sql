-- Hands out the oldest lease that waits, under the next fence; a repeated request gets what it already holds, held anew.
WITH again AS (
    SELECT lease_id
    FROM leases
    WHERE holder = CAST(:executor AS text)
      AND request_id = CAST(:request_id AS text)
    LIMIT 1
), next AS (
    SELECT lease_id
    FROM leases
    WHERE pool = CAST(:pool AS text)
      AND state IN ('OFFERED', 'STAGED')
      AND holder IS NULL
      AND not_before <= now()
      AND (state = 'STAGED' OR greatest(attempts, executors_lost) < max_attempts)
      AND NOT EXISTS (SELECT 1 FROM again)
    ORDER BY not_before, lease_id
    LIMIT 1
    FOR UPDATE SKIP LOCKED
), acquired AS (
    UPDATE leases
    SET state = CASE leases.state WHEN 'OFFERED' THEN 'HELD' ELSE leases.state END,
        fence = CASE WHEN chosen.again THEN leases.fence ELSE leases.fence + 1 END,
        attempt = CASE WHEN chosen.again THEN leases.attempt ELSE CAST(:attempt AS uuid) END,
        begun = chosen.again AND leases.begun,
        holder = CAST(:executor AS text),
        request_id = CAST(:request_id AS text),
        deadline = now() + make_interval(secs => :lease_seconds)
    FROM (
        SELECT lease_id, true AS again FROM again
        UNION ALL
        SELECT lease_id, false FROM next
    ) AS chosen
    WHERE leases.lease_id = chosen.lease_id
      -- Looked at again after a wait for the row: what was held then may have moved on.
      AND (
          NOT chosen.again
          OR (leases.holder = CAST(:executor AS text) AND leases.request_id = CAST(:request_id AS text))
      )
    RETURNING leases.lease_id, leases.ingestion_id, leases.run_id, leases.state, leases.fence,
        leases.attempt, leases.holder, leases.executors_lost, now() AS now
), noted AS (
    INSERT INTO attempts (attempt, lease_id, fence, holder)
    SELECT attempt, lease_id, fence, holder
    FROM acquired
    ON CONFLICT DO NOTHING
)
SELECT
    acquired.lease_id, acquired.ingestion_id, acquired.run_id, acquired.state, acquired.fence, acquired.attempt,
    acquired.now, acquired.executors_lost, coalesce(verified_heads.snapshot_id, 0) AS verified_snapshot_id
FROM acquired
JOIN ingestions ON ingestions.ingestion_id = acquired.ingestion_id
LEFT JOIN verified_heads ON verified_heads.table_name = ingestions.config -> 'destination' ->> 'table'
