-- IN_DOUBT → STAGED: a person asks to look again. The raised fence ends whoever doubted.
UPDATE leases
SET state = 'STAGED',
    fence = fence + 1,
    error = NULL
WHERE lease_id = CAST(:lease_id AS uuid)
  AND run_id = :run_id
  AND state = 'IN_DOUBT'
RETURNING lease_id, pg_notify('autoloader', 'leases_offered')
