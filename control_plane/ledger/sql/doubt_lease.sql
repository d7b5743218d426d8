-- STAGED → IN_DOUBT: the table cannot tell whether the rows are in it. The lease waits for a person's word.
UPDATE leases
SET state = 'IN_DOUBT',
    holder = NULL,
    request_id = NULL,
    deadline = NULL,
    error = CAST(:error AS jsonb)
WHERE lease_id = CAST(:lease_id AS uuid)
  AND fence = :fence
  AND state = 'STAGED'
RETURNING ingestion_id, run_id
