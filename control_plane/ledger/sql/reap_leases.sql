-- Takes back leases whose deadline passed: HELD is offered again, STAGED waits for another publisher. A set whose loading
-- was begun stays, for split_lease.
WITH expired AS (
    SELECT lease_id
    FROM leases
    WHERE holder IS NOT NULL
      AND deadline < now()
      AND NOT (state = 'HELD' AND begun AND file_count > 1)
    ORDER BY deadline
    LIMIT 1000
    FOR UPDATE SKIP LOCKED
), reaped AS (
    UPDATE leases
    SET state = CASE state WHEN 'HELD' THEN 'OFFERED' ELSE state END,
        executors_lost = executors_lost + CASE WHEN state = 'HELD' AND begun THEN 1 ELSE 0 END,
        error = CASE state WHEN 'HELD' THEN CAST(:error AS jsonb) ELSE error END,
        holder = NULL,
        request_id = NULL,
        deadline = NULL
    FROM expired
    WHERE leases.lease_id = expired.lease_id
    RETURNING leases.lease_id, leases.ingestion_id
), counted AS (
    UPDATE ingestion_totals
    SET lease_expirations = lease_expirations + lost.leases
    FROM (SELECT ingestion_id, count(*) AS leases FROM reaped GROUP BY ingestion_id) AS lost
    WHERE ingestion_totals.ingestion_id = lost.ingestion_id
)
SELECT count(*) AS leases, pg_notify('autoloader', 'leases_offered') AS notified
FROM reaped
HAVING count(*) > 0
