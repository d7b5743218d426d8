-- Puts waiting files into leases. Membership is frozen here; the caller rolls back unless every file came along.
WITH offered AS (
    INSERT INTO leases (
        lease_id, ingestion_id, run_id, pool, state, max_attempts, file_count, size_bytes, executors_lost
    )
    SELECT
        sets.lease_id, CAST(:ingestion_id AS bigint), CAST(:run_id AS bigint), CAST(:pool AS text),
        'OFFERED', CAST(:max_attempts AS int), sets.file_count, sets.size_bytes,
        -- Whatever it cost before, what is offered is tried.
        least(sets.executors_lost, CAST(:max_attempts AS int) - 1)
    FROM unnest(
        CAST(:lease_ids AS uuid[]), CAST(:file_counts AS int[]), CAST(:sizes AS bigint[]), CAST(:losses AS int[])
    ) AS sets (lease_id, file_count, size_bytes, executors_lost)
), taken AS (
    UPDATE files
    SET state = 'LEASED',
        lease_id = members.lease_id,
        run_id = CAST(:run_id AS bigint)
    FROM unnest(CAST(:file_ids AS bigint[]), CAST(:file_leases AS uuid[])) AS members (file_id, lease_id)
    WHERE files.ingestion_id = CAST(:ingestion_id AS bigint)
      AND files.file_id = members.file_id
      AND files.state = 'PENDING'
    RETURNING files.file_id
)
SELECT count(*) AS files, pg_notify('autoloader', 'leases_offered') AS notified
FROM taken
