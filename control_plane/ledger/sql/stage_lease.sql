-- THE decision: this snapshot counts. The deadline is not looked at: a lease that nobody took over may still win.
WITH decided AS (
    UPDATE leases
    SET state = 'STAGED',
        records_written = CAST(:records_written AS bigint[]),
        exceptions = CAST(:exceptions AS jsonb),
        warnings = CAST(:warnings AS jsonb),
        error = NULL
    WHERE lease_id = CAST(:lease_id AS uuid)
      AND fence = :fence
      AND attempt = CAST(:attempt AS uuid)
      AND state = 'HELD'
    RETURNING lease_id, attempt
)
INSERT INTO staged_tables (
    lease_id, purpose, attempt, table_name, table_uuid, base_snapshot_id, staged_snapshot_id, records_added
)
SELECT
    lease_id, 'ROWS', attempt, CAST(:table_name AS text), CAST(:table_uuid AS text),
    CAST(:base_snapshot_id AS bigint), CAST(:staged_snapshot_id AS bigint),
    CAST(:records_added AS bigint)
FROM decided
RETURNING lease_id
