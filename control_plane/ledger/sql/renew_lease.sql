-- Extends a lease that is still held under this fence; the first renewal of an attempt to load counts it.
UPDATE leases
SET deadline = now() + make_interval(secs => :lease_seconds),
    attempts = attempts + CASE WHEN state = 'HELD' AND NOT begun THEN 1 ELSE 0 END,
    begun = true
WHERE lease_id = CAST(:lease_id AS uuid)
  AND fence = :fence
  AND attempt = CAST(:attempt AS uuid)
  AND holder IS NOT NULL
RETURNING lease_id
