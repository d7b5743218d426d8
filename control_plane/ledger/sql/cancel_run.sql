-- Notes that a run is to stop. The row stays locked while the caller abandons its leases and, if it can, finishes it.
UPDATE runs
SET cancel_time = coalesce(cancel_time, now())
WHERE run_id = :run_id
  AND state IN ('PENDING', 'RUNNING')
RETURNING run_id
