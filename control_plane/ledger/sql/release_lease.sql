-- Gives a lease back: what was staged stays so, and rests before another publisher tries where this one could not.
UPDATE leases
SET state = CASE state WHEN 'HELD' THEN 'OFFERED' ELSE state END,
    attempts = attempts - CASE WHEN state = 'HELD' AND begun THEN 1 ELSE 0 END,
    not_before = CASE state
        WHEN 'STAGED' THEN now() + make_interval(secs => CAST(:rest_seconds AS float8))
        ELSE not_before
    END,
    holder = NULL,
    request_id = NULL,
    deadline = NULL
WHERE lease_id = CAST(:lease_id AS uuid)
  AND fence = :fence
  AND attempt = CAST(:attempt AS uuid)
  AND holder IS NOT NULL
RETURNING run_id, pg_notify('autoloader', 'leases_offered')
