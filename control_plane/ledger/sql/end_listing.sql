-- Says that the listing is over, whole or with the error that ended it.
UPDATE runs
SET list_end_time = now(),
    lister = NULL,
    listing_deadline = NULL,
    error = coalesce(error, CAST(:error AS jsonb))
WHERE run_id = :run_id
  AND lister = CAST(:lister AS uuid)
  AND state = 'RUNNING'
  AND list_end_time IS NULL
RETURNING run_id, pg_notify('autoloader', 'files_recorded')
