-- Gives a claim to list back, so that the next lister need not wait for it to run out.
UPDATE runs
SET listing_deadline = now()
WHERE run_id = :run_id
  AND lister = CAST(:lister AS uuid)
  AND list_end_time IS NULL
RETURNING run_id, pg_notify('autoloader', 'runs_opened')
