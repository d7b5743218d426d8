-- STAGED → OFFERED: the staged snapshot is lost and provably never was in main. The raised fence ends every publisher of it.
WITH unstaged AS (
    UPDATE leases
    SET state = 'OFFERED',
        fence = fence + 1,
        holder = NULL,
        request_id = NULL,
        deadline = NULL,
        records_written = NULL,
        records_rejected = NULL,
        exceptions = NULL,
        warnings = NULL,
        attempts = least(attempts, max_attempts - 1),
        error = CAST(:error AS jsonb)
    WHERE lease_id = CAST(:lease_id AS uuid)
      AND fence = :fence
      AND state = CAST(:leaves AS text)
    RETURNING lease_id
)
DELETE FROM staged_tables
USING unstaged
WHERE staged_tables.lease_id = unstaged.lease_id
RETURNING staged_tables.lease_id, pg_notify('autoloader', 'leases_offered')
