-- Stops a run whose executors die one after the other, with nothing loaded in between: it is they that need mending, and
-- its files only cost more of them. The caller has locked the run, and gives its leases back.
UPDATE runs
SET error = CAST(:error AS jsonb)
WHERE run_id = :run_id
  AND state = 'RUNNING'
  AND error IS NULL
  AND :deaths <= (
      SELECT count(*)
      FROM leases
      WHERE leases.run_id = runs.run_id
        AND leases.state IN ('ABANDONED', 'FAILED')
        AND leases.executors_lost > 0
        AND leases.end_time > coalesce((
            SELECT max(loaded.end_time)
            FROM leases AS loaded
            WHERE loaded.run_id = :run_id AND loaded.state = 'PUBLISHED'
        ), '-infinity')
  )
RETURNING run_id
